// What one gate of a unit adds up, rescaled to 16 bits. The last row of `weights` are the biases.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint batch = i / uint(GATES), gate = i % uint(GATES);
    int sum = weights(uint(DEPTH * GATES) + gate);
    for (uint k = 0u; k < uint(DEPTH); k++) sum += joined(batch * uint(DEPTH) + k) * weights(k * uint(GATES) + gate);
    store(i, clamp(multiplied_up(sum, MULTIPLIER, SHIFT), -32768, 32767));
}
