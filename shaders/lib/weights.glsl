// Weights as four output channels beside each other, in whichever way they are stored (shaders/weights.py).

void store(uint i, VALUE x);

#if STEP == 4
#define STEP_TYPE FOUR
#define PART(x, c) (x)[c]
#else
#define STEP_TYPE ONE
#define PART(x, c) (x)
#endif

// How far in the weights for the output channels from vec * 4 on begin, or which these are where that says it. What is
// read for output channels past the last is of no use, but inside the buffer.
uint weights_of(uint vec) {
#if ALONG_OUTPUTS
    vec = min(vec, uint(LAST_VEC));
    return vec / uint(BLOCK_VECS) * uint(BLOCK_STEP) + vec % uint(BLOCK_VECS);
#else
    return vec * 4u;
#endif
}

// Those of the STEP input channels from k * STEP on, for the output channels that `of` stands for (see weights_of).
// `base` is where the weights of this layer and tap start.
void weights_at(uint base, uint k, uint of, out FOUR w[STEP]) {
#if ALONG_OUTPUTS
#if IN_BLOCKS
    w = weights(base + of + k * uint(INPUT_STEP));
#else
    uint at = base + of + k * uint(STEP * INPUT_STEP);
    for (int c = 0; c < STEP; c++) w[c] = weights(at + uint(c * INPUT_STEP));
#endif
#else
    for (uint o = 0u; o < 4u; o++) {
        uint at = base + min(of + o, uint(CHANNELS - 1)) * uint(OUTPUT_STEP) + k * uint(STEP * INPUT_STEP);
#if ALONG_INPUTS
        FOUR inputs = weights(at / 4u);
        for (int c = 0; c < STEP; c++) w[c][o] = inputs[c];
#else
        for (int c = 0; c < STEP; c++) w[c][o] = weights(at + uint(c * INPUT_STEP));
#endif
    }
#endif
#if WEIGHTS_SIGNED
    for (int c = 0; c < STEP; c++) w[c] = (w[c] << 24) >> 24;
#endif
#if WEIGHTS_OFFSET
    for (int c = 0; c < STEP; c++) w[c] -= WEIGHTS_ZERO;
#endif
}

// Adds to the sum of four output channels what STEP input channels give.
void add_products(inout SUM s, STEP_TYPE value, FOUR w[STEP]) {
#if FITTING
    FOUR x = PART(value, 0) * w[0];
    for (int c = 1; c < STEP; c++) x += PART(value, c) * w[c];
    sum_add(s, x);
#else
    for (int c = 0; c < STEP; c++) sum_add(s, PART(value, c) * w[c]);
#endif
}

// Stores what becomes of the sum of the output channels from vec * 4 on; those past the last are dropped. `start` is where
// channel 0 lies in the output, `row` what the input's scales, where it has several, are counted by.
void store_channels(SUM s, uint layer, uint vec, uint start, uint row) {
    uint channel = vec * 4u, group = layer % uint(GROUPS);
    MADE x = finished(s, group * uint((CHANNELS + 3) / 4) + vec, group * uint(CHANNELS) + channel, row);
#if IN_FOURS
    along = (group * uint(CHANNELS) + channel) / 4u;
    if (channel < uint(CHANNELS)) store((start + channel) / 4u, x);
#else
    for (uint c = 0u; c < 4u; c++) {
        along = group * uint(CHANNELS) + channel + c;
        if (channel + c < uint(CHANNELS)) store(start + channel + c, x[c]);
    }
#endif
}
