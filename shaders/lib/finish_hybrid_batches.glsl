// As finish_hybrid, where batches have several dimensions: scales and zero points are those of the row that the reference
// kernel takes for this one, and so are the sums of weights (shaders/hybrid_batches.py). `row` counts rows of the output.

PLACE(left_number, NUMBER_RANK, NUMBER_DIMS, LEFT_NUMBERS)
PLACE(right_number, NUMBER_RANK, NUMBER_DIMS, RIGHT_NUMBERS)

MADE finished(SUM s, uint place, uint channel, uint row) {
    uint batch = row / uint(BATCH_ROWS);
    vec4 found = scales(left_number(batch) * uint(BATCH_ROWS) + row % uint(BATCH_ROWS));
#if ASYMMETRIC
    uint start = right_number(batch) * uint(CHANNELS);
    for (uint c = 0u; c < 4u; c++) s[c] -= int(found.z) * totals(start + min(channel + c, uint(CHANNELS - 1)));
#endif
    return MADE(s) * (found.x * factors(place));
}
