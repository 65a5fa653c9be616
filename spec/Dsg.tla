--------------------------------- MODULE Dsg ---------------------------------
(* Graphs of dependencies between replies, as sets of pairs <<from, to>>.    *)
(* The edges are those of Adya's direct serialization graph: ww (writes of   *)
(* one object in version order), wr (a read of what was written) and rw (a   *)
(* read of what was later overwritten).  An n-gram write is an increment of  *)
(* counts, so a version contains every earlier write: edges to all earlier   *)
(* writers, not only to the last one, say the same and need no version       *)
(* numbers.                                                                  *)
EXTENDS FiniteSets, Sequences

Range(seq) == {seq[k] : k \in DOMAIN seq}

(* A write is named by its reply <<session, number>>; one of several writes  *)
(* that a reply makes to an object is <<session, number, part>>.             *)
Author(w) == <<w[1], w[2]>>
Authors(content) == {Author(w) : w \in content}

(* r reads an object whose committed writes are `written`, and finds         *)
(* `content` in it.                                                          *)
ReadEdges(r, content, written) ==
    {<<a, r>> : a \in Authors(content) \ {r}} \cup
    {<<r, a>> : a \in Authors(written \ content) \ {r}}

(* r writes an object that has `written` and that `readers` read before.     *)
WriteEdges(r, written, readers) ==
    {<<a, r>> : a \in (Authors(written) \cup readers) \ {r}}

Restrict(edges, nodes) == {e \in edges : e[1] \in nodes /\ e[2] \in nodes}

(* The nodes of the graph that no cycle reaches: drop what has an edge from  *)
(* a node that is not in the set until nothing changes.                      *)
RECURSIVE Upstream(_, _)
Upstream(nodes, edges) ==
    LET keep == {n \in nodes : \A e \in edges : e[2] = n => e[1] \in nodes}
    IN  IF keep = nodes THEN nodes ELSE Upstream(keep, edges)

RECURSIVE HasCycle(_, _)
HasCycle(nodes, edges) ==
    LET later == {n \in nodes : \E e \in edges : e[2] = n}
    IN  IF later = nodes THEN nodes # {}
        ELSE HasCycle(later, Restrict(edges, later))

Acyclic(edges, nodes) == ~HasCycle(nodes, Restrict(edges, nodes))
==============================================================================
