"""The theorems 15 to 22: the algebra of the field (sympy, exact arithmetic, enumeration)."""

from __future__ import annotations

from proofs.algebra import chance, counting, decay, load, sensitivity
from proofs.tools.theorem import Theorem

ALGEBRA = (
    Theorem(
        number=15,
        title="Observation and decay",
        claim="The deltas of observations commute. Decay and observation do not: with the "
        "real-valued decay, decaying after observing a falls short of observing after decaying by "
        "(1 - rho) a, for every count; with the floored decay by that, give or take less than 1.",
        assumptions=(
            "an observation adds counts",
            "0 < rho < 1; the deletion of small rows is left out",
        ),
        tool="sympy",
        prove=decay.prove_commutation,
        mutant="an observation assigns its counts instead of adding them",
        refute=decay.refute_commutation,
        latex=r"Let $O_a(c) = c + a$ and $D(c) = \rho c$. Then $O_a O_b = O_b O_a$ and $D "
        r"O_a - O_a D = -(1-\rho)\,a$. With $D(c) = \lfloor \rho c \rfloor$ the "
        r"commutator differs from $-(1-\rho)\,a$ by less than $1$.",
        sketch="Expand; the difference of two floors is a floor of the difference, or one more.",
    ),
    Theorem(
        number=16,
        title="Drift of integer decay",
        claim="For rho = p/(p+1), k decays that floor fall behind rho^k c by at least 0 "
        "and at most p (1 - rho^k), so never by more than p (19 counts at 0.95); q^k "
        "- p counts reach the bound.",
        assumptions=(
            "one rate: no change of tier on the way",
            "the deletion of small rows is left out",
        ),
        tool="sympy",
        prove=decay.prove_drift,
        mutant="a floor loses at most (q - 2)/q",
        refute=decay.refute_drift,
        latex=r"Let $q = p+1$, $\rho = p/q$ and $d_k(c)$ be $c$ after $k$ times $c \mapsto "
        r"\lfloor \rho c \rfloor$. Then $0 \le \rho^k c - d_k(c) \le p\,(1-\rho^k) < "
        r"p$, with equality on the right for $c = q^k - p$.",
        sketch=r"One floor loses at most $p/q$; what is lost decays too, so the bound satisfies "
        r"$B_{k+1} = \rho B_k + p/q$. At $c_j = p^j q^{k-j} - p$ every floor loses the most.",
    ),
    Theorem(
        number=17,
        title="One stale observation",
        claim="One stale or lost observation of m tokens changes a next-token distribution over n "
        "counts by at most m/(n+m) in total variation, one that is counted twice by n "
        "m/((n+m)(n+2m)), a reordered one by nothing; new tokens reach both bounds.",
        assumptions=("temperature 1", "n and m count the tokens after this context"),
        tool="sympy",
        prove=sensitivity.prove_stale,
        mutant="the observed tokens were known already",
        refute=sensitivity.refute_stale,
        latex=r"Let $c$ be counts with sum $n$ and $a$ an observation with sum $m$. Then "
        r"$\mathrm{TV}\bigl(\tfrac{c}{n}, \tfrac{c+a}{n+m}\bigr) \le \tfrac{m}{n+m}$ "
        r"and $\mathrm{TV}\bigl(\tfrac{c+a}{n+m}, \tfrac{c+2a}{n+2m}\bigr) \le "
        r"\tfrac{nm}{(n+m)(n+2m)}$, with equality when no token of $a$ occurs in $c$.",
        sketch=r"The difference is $\tfrac{m}{n+m}\,(\tfrac{a}{m} - \tfrac{c}{n})$, and a "
        r"total variation is at most $1$, with equality for disjoint supports.",
    ),
    Theorem(
        number=18,
        title="One stale observation at temperature T",
        claim="With weights c^(1/T): for T >= 1 at most m/(n^(1/T) + m), reached by m new tokens "
        "on a single known one; for any T, when no token is new and no count grows by more than a "
        "factor g, at most (sqrt(L) - 1)/(sqrt(L) + 1) with L = g^(1/T).",
        assumptions=("weights are the counts alone: no boosts, no blend with co-occurrence",),
        tool="sympy",
        prove=sensitivity.prove_heated,
        mutant="T = 1/2 in the first bound",
        refute=sensitivity.refute_heated,
        latex=r"With weights $c_i^{1/T}$ the distance is at most $\tfrac{m}{n^{1/T}+m}$ for "
        r"$T \ge 1$, with equality for $m$ new tokens after a context with one known "
        r"token. For any $T$, if $c_i + a_i \le g c_i$ for all $i$, it is at most "
        r"$\tfrac{\sqrt L - 1}{\sqrt L + 1}$ with $L = g^{1/T}$.",
        sketch=r"Weights only grow, so the distance is at most $1 - Z/Z'$; for $T \ge 1$, $Z' - Z "
        r"\le m$ and $Z \ge n^{1/T}$. For the second bound reduce to two classes of tokens and "
        r"maximise $\tfrac{Lx}{Lx+1-x} - x$ at $x = 1/(1+\sqrt L)$.",
    ),
    Theorem(
        number=19,
        title="Interleavings",
        claim="k replies of s steps have (ks)!/(s!)^k interleavings, k! of them serial; "
        "with one free step (the call) before s steps under a lock, k! times the "
        "product of i(s+1)+1 for i < k are possible.",
        assumptions=("every reply takes all of its steps",),
        tool="sympy",
        prove=counting.prove_counting,
        mutant="calls do not wait",
        refute=counting.refute_counting,
        latex=r"$k$ replies of $s$ steps have $(ks)!/(s!)^k$ interleavings, $k!$ of which "
        r"are serial. If one free step precedes $s$ steps under a lock, "
        r"$k!\,\prod_{i<k} \bigl(i(s+1)+1\bigr)$ executions are possible.",
        sketch="Multinomial; the call of the i-th reply to enter may stand anywhere before "
        "its entrance. Compared with enumeration for every k and s within reach.",
    ),
    Theorem(
        number=20,
        title="Serializable interleavings",
        claim="Of the core program's interleavings exactly the k! serial ones are "
        "conflict-serializable. Without the recall k! C(3k,k)/(2k+1) are "
        "(Fuss-Catalan: T = 1 + z T^3). Both shares vanish as k grows.",
        assumptions=(
            "an n-gram write depends on the write before it",
            "the step to any k is in the sketch; enumeration goes to k = 3 (core) and k = 4",
        ),
        tool="sympy",
        prove=counting.prove_serializable,
        mutant="the recall comes after the observation",
        refute=counting.refute_serializable,
        latex=r"Of the interleavings of $k$ replies of the core program exactly $k!$ are "
        r"conflict-serializable, the serial ones. Without the recall there are "
        r"$k!\,\tfrac{1}{2k+1}\binom{3k}{k}$. Both shares tend to $0$.",
        sketch="Conflicts join pairs of replies, so the 70 interleavings of two decide: a reply "
        "reads the snapshots first and writes them last, and two that overlap precede each "
        "other. Without the recall the blocks of observe and generate "
        "are disjoint and the snapshots follow in the same order: ballot sequences "
        "in which the i-th snapshot comes after the 2i-th step.",
    ),
    Theorem(
        number=21,
        title="Load",
        claim="With Poisson arrivals at rate lambda and replies of length d: without a lock a "
        "reply runs alone with probability exp(-2 lambda d) and overlaps 2 lambda d others on "
        "average; with a lock it waits lambda d^2/(2(1 - lambda d)) on average.",
        assumptions=("Poisson arrivals, constant durations, lambda d < 1 for the wait",),
        tool="sympy",
        prove=load.prove_load,
        mutant="durations vary (exponentially, same mean)",
        refute=load.refute_load,
        latex=r"Let replies arrive as a Poisson process of rate $\lambda$ and last $d$. "
        r"Without a lock a reply runs alone with probability $e^{-2\lambda d}$ and "
        r"overlaps $2\lambda d$ others in expectation; with one its expected wait is "
        r"$\lambda d^2 / (2(1-\lambda d))$ for $\lambda d < 1$.",
        sketch="M/D/infinity; M/D/1 from the Pollaczek-Khinchine transform. Compared with a "
        "seeded simulation.",
    ),
    Theorem(
        number=22,
        title="external_vocab by chance",
        claim="If the m words of the observer's message are drawn independently, the "
        "expected share of reply words found in it is the sum of q_w (1 - (1 - "
        "pi_w)^m), increasing and concave in m; the variant over four messages of "
        f"distinct words has 4m for m. For {chance.LONG:.1f} against {chance.SHORT:.1f} words the "
        "ratio is "
        f"{chance.predicted_ratio(chance.organism_words()):.2f} with the words of the organism's "
        f"seed and {chance.predicted_ratio(chance.zipf(2000)):.2f} with a Zipf distribution over "
        "2000 words; of the published turns, measured alike, it is "
        f"{chance.MEASURED_RATIO:.2f} (of the means that the paper prints, by two definitions, "
        f"{chance.PRINTED_RATIO:.2f}).",
        assumptions=("words are drawn independently, reply and message alike",),
        tool="sympy",
        prove=chance.prove_chance,
        mutant="only the current message counts in the second definition",
        refute=chance.refute_chance,
        latex=r"If the $m$ words of the observer's message are drawn independently from "
        r"$\pi$ and the words of the reply have shares $q$, the expected external "
        r"vocabulary is $\sum_w q_w \bigl(1-(1-\pi_w)^m\bigr)$, increasing and "
        r"concave in $m$; over four messages, with $4m$.",
        sketch=r"Linearity of expectation; the increments are $\pi_w (1-\pi_w)^m > 0$ and "
        r"decrease.",
    ),
)
