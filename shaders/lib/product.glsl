// The left side of a product of matrices, and which matrices of a batch make product `layer`.

PLACE(left_matrix, BATCH_RANK, BATCH_DIMS, LEFT_STRIDES)
PLACE(right_matrix, BATCH_RANK, BATCH_DIMS, RIGHT_STRIDES)

// Where a row of the left matrix starts in `source`, and where the weights start.
uint left_start(uint layer, uint row) {
    uint matrix = left_matrix(layer) * uint(ROWS * DEPTH);
    return TURNED == 1 ? matrix + row : (matrix + row * uint(DEPTH)) / uint(STEP);
}

uint right_start(uint layer) { return right_matrix(layer) * uint(LAYER_STEP); }

// Which of all rows of left matrices that is, where each ROWS_A_SCALE rows have one scale; or which of all products' rows.
uint left_row(uint layer, uint row) {
    return ((ROWS_BY_LAYER == 1 ? layer : left_matrix(layer)) * uint(ROWS) + row) / uint(ROWS_A_SCALE);
}

// STEP values of the row that starts at `start`, from k * STEP on.
STEP_TYPE left_at(uint start, uint k) {
#if TURNED
    STEP_TYPE value;
    for (uint c = 0u; c < uint(STEP); c++) PART(value, c) = source(start + (k * uint(STEP) + c) * uint(ROWS));
    return value - STEP_TYPE(IN_ZERO);
#elif GATED
    return source(start + k) * gate(k);
#else
    return source(start + k) - STEP_TYPE(IN_ZERO);
#endif
}
