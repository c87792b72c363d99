// Weights as four output channels beside each other, in whichever way they are stored (shaders/weights.py).

#if STEP == 4
#define STEP_TYPE vec4
#define PART(x, c) (x)[c]
#else
#define STEP_TYPE float
#define PART(x, c) (x)
#endif

// Those of the STEP input channels from k * STEP on, for the output channels from vec * 4 on. `base` is where the weights
// of this layer and tap start. What is read for output channels past the last is of no use, but inside the buffer.
void weights_at(uint base, uint k, uint vec, out vec4 w[STEP]) {
#if ALONG_OUTPUTS
    vec = min(vec, uint(LAST_VEC));
    uint at = base + vec / uint(BLOCK_VECS) * uint(BLOCK_STEP) + vec % uint(BLOCK_VECS) + k * uint(STEP * INPUT_STEP);
    for (int c = 0; c < STEP; c++) w[c] = weights(at + uint(c * INPUT_STEP));
#else
    for (uint o = 0u; o < 4u; o++) {
        uint at = base + min(vec * 4u + o, uint(CHANNELS - 1)) * uint(OUTPUT_STEP) + k * uint(STEP * INPUT_STEP);
#if ALONG_INPUTS
        vec4 inputs = weights(at / 4u);
        for (int c = 0; c < STEP; c++) w[c][o] = inputs[c];
#else
        for (int c = 0; c < STEP; c++) w[c][o] = weights(at + uint(c * INPUT_STEP));
#endif
    }
#endif
}
