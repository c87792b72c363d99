// A product of matrices with few rows. Threads along x take a vec4 of outputs each, so that neighbours read neighbouring
// weights; those along y a part of the sum each, which the first of them adds up.

shared SUM part[SPLITS][ROWS][LANES];

void main() {
    uint group = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x;
    uint layer = group / uint(BLOCKS);
    if (layer >= uint(LAYERS)) return;
    uint lane = gl_LocalInvocationID.x, split = gl_LocalInvocationID.y;
    uint vec = group % uint(BLOCKS) * uint(LANES) + lane;
    SUM sum[ROWS];
    uint start[ROWS];
    for (int r = 0; r < ROWS; r++) {
        sum_clear(sum[r]);
        start[r] = left_start(layer, uint(r));
    }
    uint base = right_start(layer), of = weights_of(vec), steps = uint(STEPS);
    for (uint k = split; k < steps; k += uint(SPLITS)) {
        FOUR w[STEP];
        weights_at(base, k, of, w);
        for (int r = 0; r < ROWS; r++) add_products(sum[r], left_at(start[r], k), w);
    }
    for (int r = 0; r < ROWS; r++) part[split][r][lane] = sum[r];
    barrier();
    int end = split == 0u && vec < uint(VECS) ? ROWS : 0;
    for (int r = 0; r < end; r++) {  // not unrolled, as in lib/tile.glsl
        SUM x = part[0][r][lane];
        for (int s = 1; s < SPLITS; s++) sum_join(x, part[s][r][lane]);
        store_channels(x, layer, vec, (layer * uint(ROWS) + uint(r)) * uint(CHANNELS), left_row(layer, uint(r)));
    }
}
