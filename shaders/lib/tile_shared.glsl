// The threads of a group read for each other, CHUNK steps of the sum at a time: all that multiply a value or a weight have
// it from shared memory. Neighbours read neighbouring steps of a pixel, and neighbouring channels' weights.

#define BLOCK (VECS * ACROSS)

shared STEP_TYPE shared_values[PIXELS * DOWN][CHUNK];
shared FOUR shared_weights[CHUNK][STEP][BLOCK];

uint tile_weights;

void tile_clear() {
    tile_weights = weights_of(tile_set() * uint(BLOCK) + gl_LocalInvocationID.x % uint(BLOCK));
    for (int p = 0; p < PIXELS; p++)
        for (int v = 0; v < VECS; v++) sum_clear(sum[p][v]);
}

// Which value this thread reads as its r-th: a pixel of the tile, and a step.
uint tile_own(int r) { return (uint(r) * uint(LOCAL_X) + gl_LocalInvocationID.x) / uint(CHUNK); }
uint tile_lane() { return gl_LocalInvocationID.x % uint(CHUNK); }

// The r-th pixel of which this thread reads a value, and the step of the sum that it reads of the CHUNK from k on: any, where
// that is past the last.
uint tile_read(int r) { return tile_block() * uint(PIXELS * DOWN) + tile_own(r); }
uint tile_step(uint k) { return min(k + tile_lane(), uint(STEPS - 1)); }

// Adds to each pixel what CHUNK steps from k on give; `value` is what this thread has read of them. Steps past the last are
// 0 times 0.
void tile_add(STEP_TYPE value[READS], uint base, uint k) {
    uint column = gl_LocalInvocationID.x % uint(BLOCK), line = gl_LocalInvocationID.x / uint(BLOCK);
    FOUR w[STEP];
    weights_at(base, min(k + line, uint(STEPS - 1)), tile_weights, w);
    bool weighs = k + line < uint(STEPS), counts = k + tile_lane() < uint(STEPS);
    barrier();  // all have multiplied what was there before
    for (int c = 0; c < STEP; c++) shared_weights[line][c][column] = weighs ? w[c] : FOUR(0);
    for (int r = 0; r < READS; r++) shared_values[tile_own(r)][tile_lane()] = counts ? value[r] : STEP_TYPE(0);
    barrier();
    uint pixel = gl_LocalInvocationID.x / uint(ACROSS), four = gl_LocalInvocationID.x % uint(ACROSS);
    for (int n = 0; n < CHUNK; n++) {
        STEP_TYPE x[PIXELS];
        for (int p = 0; p < PIXELS; p++) x[p] = shared_values[uint(p * DOWN) + pixel][n];
        for (int v = 0; v < VECS; v++) {
            for (int c = 0; c < STEP; c++) w[c] = shared_weights[n][c][uint(v * ACROSS) + four];
            for (int p = 0; p < PIXELS; p++) add_products(sum[p][v], x[p], w);
        }
    }
}
