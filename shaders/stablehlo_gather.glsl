// Slices of `source`, each from where its vector of DEPTH numbers says, within 0 to LAST along the axes that these speak of.

PLACE(offset_of, RANK, MADE, OFFSET_STEPS)
PLACE(vector_of, RANK, MADE, BATCH_STEPS)

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint at = offset_of(i), first = vector_of(i);
    for (int d = 0; d < DEPTH; d++)
        at += uint(clamp(clipped(numbers(first + uint(d * NUMBER_STEP))), 0, LAST[d]) * STEPS[d]);
    store(i, source(at));
}
