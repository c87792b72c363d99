// What one gate of a unit adds up, rescaled to 16 bits. The last row of `weights` are the biases.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint batch = i / uint(GATES), gate = i % uint(GATES);
    int sum = weights(uint(DEPTH * GATES) + gate);
    for (uint k = 0u; k < uint(DEPTH); k++) sum += joined(batch * uint(DEPTH) + k) * weights(k * uint(GATES) + gate);
    // Rounded twice, here halves up both times: TFLite has Ruy do this.
    int down = max(-SHIFT, 0), x = high_product(sum << max(SHIFT, 0), MULTIPLIER);
    store(i, clamp((x + (1 << down >> 1)) >> down, -32768, 32767));
}
