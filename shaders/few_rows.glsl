// A product of matrices with few rows. Threads along x take a vec4 of outputs each, so that neighbours read neighbouring
// weights; those along y a part of the sum each, which the first of them adds up.

shared vec4 part[SPLITS][ROWS][LANES];

void main() {
    uint group = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x;
    uint layer = group / uint(BLOCKS);
    if (layer >= uint(LAYERS)) return;
    uint lane = gl_LocalInvocationID.x, split = gl_LocalInvocationID.y;
    uint vec = group % uint(BLOCKS) * uint(LANES) + lane;
    vec4 sum[ROWS];
    uint start[ROWS];
    for (int r = 0; r < ROWS; r++) {
        sum[r] = vec4(0.0);
        start[r] = left_start(layer, uint(r));
    }
    uint base = right_start(layer);
    for (uint k = split; k < uint(STEPS); k += uint(SPLITS)) {
        vec4 w[STEP];
        weights_at(base, k, vec, w);
        for (int r = 0; r < ROWS; r++) {
            STEP_TYPE value = left_at(start[r], k);
            for (int c = 0; c < STEP; c++) sum[r] += PART(value, c) * w[c];
        }
    }
    for (int r = 0; r < ROWS; r++) part[split][r][lane] = sum[r];
    barrier();
    if (split != 0u || vec >= uint(VECS)) return;
    for (int r = 0; r < ROWS; r++) {
        vec4 x = part[0][r][lane];
        for (int s = 1; s < SPLITS; s++) x += part[s][r][lane];
        uint i = (layer * uint(ROWS) + uint(r)) * uint(CHANNELS) + vec * 4u;
#if CHANNELS % 4 == 0
        store(i / 4u, x);
#else
        for (uint c = 0u; c < 4u; c++)
            if (vec * 4u + c < uint(CHANNELS)) store(i + c, x[c]);
#endif
    }
}
