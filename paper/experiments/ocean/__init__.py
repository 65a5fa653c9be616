"""The ocean: do transformers tolerate the execution noise that fields do not (section 8.6.5)?"""
