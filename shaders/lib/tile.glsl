// A tile of the output: PIXELS pixels by VECS fours of channels for each thread, LAYERS times over. ACROSS threads of a group
// lie along channels, DOWN along pixels. Its values and weights are read by lib/tile_apart.glsl or lib/tile_shared.glsl.

#define DOWN (LOCAL_X / ACROSS)

SUM sum[PIXELS][VECS];

// Which tile this is: pixels first, then channels, parts of the sum, layers. Past the last layer there is nothing to do.
uint tile_group() { return gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x; }
uint tile_block() { return tile_group() % uint(BLOCKS); }
uint tile_set() { return tile_group() / uint(BLOCKS) % uint(SETS); }
uint tile_part() { return tile_group() / uint(BLOCKS * SETS) % uint(PARTS); }
uint tile_layer() { return tile_group() / uint(BLOCKS * SETS * PARTS); }

// From which step of the sum to which this part goes.
uint tile_first() { return tile_part() * uint(PART_STEPS); }
uint tile_last() { return min(tile_first() + uint(PART_STEPS), uint(STEPS)); }

// The k-th pixel of this thread, and its k-th four of channels, which may lie past the last.
uint tile_pixel(int k) {
    return (tile_block() * uint(PIXELS) + uint(k)) * uint(DOWN) + gl_LocalInvocationID.x / uint(ACROSS);
}
uint tile_vec(int k) {
    return (tile_set() * uint(VECS) + uint(k)) * uint(ACROSS) + gl_LocalInvocationID.x % uint(ACROSS);
}

// Where the pixels of this thread end. What it stores is the most that there is to compile, so pixels are stored in a loop
// whose end is not known before it runs, and their sums chosen.
uint tile_end() { return min(uint(OUTPUT_PIXELS), tile_pixel(PIXELS)); }

SUM tile_sum(int p, int v) {
    SUM s;
    CHOOSE(s, p, PIXELS, sum[q][v]);
    return s;
}

// Stores the channels of the p-th pixel, the first of which lies at `start` in this part of the output; see store_channels.
// Where single values are stored, fours of channels are gone through as pixels are, as there is four times as much to compile.
void tile_store(int p, uint start, uint row) {
    start += tile_part() * uint(PART_SIZE);
#if IN_FOURS
    for (int v = 0; v < VECS; v++) store_channels(tile_sum(p, v), tile_layer(), tile_vec(v), start, row);
#else
    SUM sums[VECS];
    for (int v = 0; v < VECS; v++) sums[v] = tile_sum(p, v);
    int v = 0;
    for (uint vec = tile_vec(0); vec < min(uint(CHANNELS + 3) / 4u, tile_vec(VECS)); vec += uint(ACROSS), v++) {
        SUM s;
        CHOOSE(s, v, VECS, sums[q]);
        store_channels(s, tile_layer(), vec, start, row);
    }
#endif
}
