// Reductions: LANES invocations walk the values behind one result, then join theirs by a tree.
// ONE is the type of a value, FOUR that of four where they are taken so, PARTIAL the one of both that is read and
// accumulated (by way of TAKEN, where those are two types); JOIN is a function of `a` and `b`, RESULT of the joined `x`.
// OF_SUBGROUP is what GLSL has for JOIN over a subgroup, if it has that.

ONE join(ONE a, ONE b) { return JOIN; }
#if FOURS
FOUR join(FOUR a, FOUR b) { return JOIN; }
ONE whole(FOUR x) { return join(join(x.x, x.y), join(x.z, x.w)); }
#endif
#ifdef OF_SUBGROUP
ACROSS_SUBGROUPS(joined, join, partials, OF_SUBGROUP)
#else
ACROSS_LANES(joined, join, partials)
#endif

PLACE(kept, KEPT_RANK, KEPT_DIMS, KEPT_STRIDES)
PLACE(reduced, REDUCED_RANK, REDUCED_DIMS, REDUCED_STRIDES)

void main() {
    uint lane = tree_lane(), i = tree(), start = kept(i);
    uint end = i < ELEMENTS ? uint(COUNT) : 0u;
    PARTIAL x = PARTIAL(IDENTITY);
    for (uint k = lane; k < end; k += uint(LANES)) x = join(x, TAKEN(source(start + reduced(k))));
    x = joined(x, lane);
    if (lane == 0u && i < ELEMENTS) store(i, RESULT);
}
