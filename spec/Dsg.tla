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

(* r reads an object whose committed writers are `written`, and finds the    *)
(* writes of `content` in it.                                                *)
ReadEdges(r, content, written) ==
    {<<w, r>> : w \in content \ {r}} \cup
    {<<r, w>> : w \in written \ (content \cup {r})}

(* r writes an object that `written` wrote and `readers` read before.        *)
WriteEdges(r, written, readers) ==
    {<<w, r>> : w \in (written \cup readers) \ {r}}

Restrict(edges, nodes) == {e \in edges : e[1] \in nodes /\ e[2] \in nodes}

Without(edges, r) == {e \in edges : e[1] # r /\ e[2] # r}

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
