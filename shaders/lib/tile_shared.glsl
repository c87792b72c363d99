// The threads of a group read for each other, CHUNK steps of the sum at a time: all that multiply a value or a weight have
// it from shared memory. Neighbours read neighbouring steps of a pixel, and neighbouring channels' weights. With HALF_SUMS
// they hand on halves, and what CHUNK steps give is added up in half, before it is added to the sum in float.

#define BLOCK (VECS * ACROSS)

#if HALF_SUMS
#define SHARED_STEP f16vec4
#define SHARED_FOUR f16vec4
#else
#define SHARED_STEP STEP_TYPE
#define SHARED_FOUR FOUR
#endif

shared SHARED_STEP shared_values[PIXELS * DOWN][CHUNK];
shared SHARED_FOUR shared_weights[CHUNK][STEP][BLOCK];

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

// What CHUNK steps give: added to the sums as it comes, or all in half first.
#if HALF_SUMS
f16vec4 in_half[PIXELS][VECS];

void chunk_clear() {
    for (int p = 0; p < PIXELS; p++)
        for (int v = 0; v < VECS; v++) in_half[p][v] = f16vec4(0.0);
}

void chunk_add(int p, int v, f16vec4 x, f16vec4 w[STEP]) {
    for (int c = 0; c < STEP; c++) in_half[p][v] += x[c] * w[c];
}

// To the sums in float; what half does not hold is infinite by now, or no number.
void chunk_join() {
    bool fits = true;
    for (int p = 0; p < PIXELS; p++)
        for (int v = 0; v < VECS; v++) {
            vec4 x = vec4(in_half[p][v]);
            fits = fits && all(lessThan(floatBitsToUint(abs(x)), uvec4(0x7f800000u)));
            sum_add(sum[p][v], x);
        }
    if (!fits) beyond();
}
#else
void chunk_clear() {}
void chunk_add(int p, int v, STEP_TYPE x, FOUR w[STEP]) { add_products(sum[p][v], x, w); }
void chunk_join() {}
#endif

// Adds to each pixel what CHUNK steps from k on give; `value` is what this thread has read of them. Steps past the last are
// 0 times 0.
void tile_add(STEP_TYPE value[READS], uint base, uint k) {
    uint column = gl_LocalInvocationID.x % uint(BLOCK), line = gl_LocalInvocationID.x / uint(BLOCK);
    FOUR w[STEP];
    weights_at(base, min(k + line, uint(STEPS - 1)), tile_weights, w);
    bool weighs = k + line < uint(STEPS), counts = k + tile_lane() < uint(STEPS);
    barrier();  // all have multiplied what was there before
    for (int c = 0; c < STEP; c++) shared_weights[line][c][column] = SHARED_FOUR(weighs ? w[c] : FOUR(0));
    for (int r = 0; r < READS; r++) shared_values[tile_own(r)][tile_lane()] = SHARED_STEP(counts ? value[r] : STEP_TYPE(0));
    barrier();
    uint pixel = gl_LocalInvocationID.x / uint(ACROSS), four = gl_LocalInvocationID.x % uint(ACROSS);
    chunk_clear();
    for (int n = 0; n < CHUNK; n++) {
        SHARED_STEP x[PIXELS];
        SHARED_FOUR by[STEP];
        for (int p = 0; p < PIXELS; p++) x[p] = shared_values[uint(p * DOWN) + pixel][n];
        for (int v = 0; v < VECS; v++) {
            for (int c = 0; c < STEP; c++) by[c] = shared_weights[n][c][uint(v * ACROSS) + four];
            for (int p = 0; p < PIXELS; p++) chunk_add(p, v, x[p], by);
        }
    }
    chunk_join();
}
