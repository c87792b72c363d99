// A tile of the output: PIXELS pixels by VECS fours of channels for each thread, LAYERS times over. The threads of a group
// run along pixels; its channels are the group's own, so that all its threads read the same weights.

SUM sum[PIXELS][VECS];
uint tile_weights[VECS];

// Which tile this is: pixels first, then channels, then layers. Past the last layer there is nothing to do.
uint tile_group() { return gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x; }
uint tile_block() { return tile_group() % uint(BLOCKS); }
uint tile_set() { return tile_group() / uint(BLOCKS) % uint(SETS); }
uint tile_layer() { return tile_group() / uint(BLOCKS * SETS); }

// The k-th pixel of this thread, which may lie past the last.
uint tile_pixel(int k) { return (tile_block() * uint(PIXELS) + uint(k)) * uint(LOCAL_X) + gl_LocalInvocationID.x; }

void tile_clear() {
    for (int v = 0; v < VECS; v++) tile_weights[v] = weights_of(tile_set() * uint(VECS) + uint(v));
    for (int p = 0; p < PIXELS; p++)
        for (int v = 0; v < VECS; v++) sum_clear(sum[p][v]);
}

// Adds to each pixel what STEP of its input channels give, by their weights.
void tile_add(STEP_TYPE value[PIXELS], uint base, uint k) {
    for (int v = 0; v < VECS; v++) {
        FOUR w[STEP];
        weights_at(base, k, tile_weights[v], w);
        for (int p = 0; p < PIXELS; p++) add_products(sum[p][v], value[p], w);
    }
}

// Where the pixels of this thread end. What it stores is the most that there is to compile, so pixels are stored in a loop
// whose end is not known before it runs, and their sums chosen, as computed indices would compile longer than all stores.
uint tile_end() { return min(uint(OUTPUT_PIXELS), tile_pixel(PIXELS)); }

SUM tile_sum(int p, int v) {
    SUM s = sum[0][v];
    for (int q = 1; q < PIXELS; q++)
        if (q == p) s = sum[q][v];
    return s;
}

// Stores the channels of the p-th pixel, the first of which lies at `start` in the output; see store_channels.
void tile_store(int p, uint start, uint row) {
    for (int v = 0; v < VECS; v++)
        store_channels(tile_sum(p, v), tile_layer(), tile_set() * uint(VECS) + uint(v), start, row);
}
