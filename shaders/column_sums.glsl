// The sum of each column of matrices of integers.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint at = i / uint(CHANNELS) * uint(LAYER_STEP) + i % uint(CHANNELS) * uint(OUTPUT_STEP);
    int sum = 0;
    for (uint k = 0u; k < uint(DEPTH); k++) sum += weights(at + k * uint(INPUT_STEP));
    store(i, sum);
}
