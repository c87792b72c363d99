// MEAN and SUM of integers: LANES invocations walk the values behind one result, then join theirs by a tree.
// PARTIAL is what is read and accumulated; RESULT makes the whole sum of the joined `x`.

PARTIAL plus(PARTIAL a, PARTIAL b) { return a + b; }
ACROSS_SUBGROUPS(joined, plus, partials, subgroupAdd)

int whole(ivec4 x) { return (x.x + x.y) + (x.z + x.w); }

PLACE(kept, KEPT_RANK, KEPT_DIMS, KEPT_STRIDES)
PLACE(reduced, REDUCED_RANK, REDUCED_DIMS, REDUCED_STRIDES)

void main() {
    uint lane = tree_lane(), i = tree(), start = kept(i);
    uint end = i < ELEMENTS ? uint(COUNT) : 0u;
    PARTIAL x = PARTIAL(0);
    for (uint k = lane; k < end; k += uint(LANES)) x += source(start + reduced(k));
    x = joined(x, lane);
    VALUE sum = RESULT;
    if (lane == 0u && i < ELEMENTS)
        store(i, clamp(multiplied(sum - OFFSET, VALUE(MULTIPLIER), VALUE(SHIFT)) + OUT_ZERO, LOW, HIGH));
}
