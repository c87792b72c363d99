// REDUCE_PROD of quantised integers, one invocation a result: each factor is rescaled in turn, in the order of the values.
// A product is multiplied by MULTIPLIER / 2 ** DOWN in 64 bits.

PLACE(kept, KEPT_RANK, KEPT_DIMS, KEPT_STRIDES)
PLACE(reduced, REDUCED_RANK, REDUCED_DIMS, REDUCED_STRIDES)

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint start = kept(i);
    int x = source(start) - IN_ZERO;
    for (uint k = 1u; k < uint(COUNT); k++)
        x = scaled(times(widen(x), widen(source(start + reduced(k)) - IN_ZERO)), MULTIPLIER, DOWN);
    store(i, clamp(scaled(widen(x), MULTIPLIER, DOWN) + OUT_ZERO, LOW, HIGH));
}
