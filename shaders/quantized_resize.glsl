// One value between the four of the input around it. `positions` says, for each row and then each column, which two of the
// input are beside it, and their weights: of 1024, or, where SINGLE, floats.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    ivec4 at = position_of(i, ivec4(0, HEIGHT, WIDTH, DEPTH));
    ivec4 row = positions(at.y), column = positions(HEIGHT + at.z);
    ivec4 old = ivec4(0, OLD_HEIGHT, OLD_WIDTH, DEPTH);
    VALUE a = source(index_of(ivec4(at.x, row.x, column.x, at.w), old));
    VALUE b = source(index_of(ivec4(at.x, row.y, column.x, at.w), old));
    VALUE c = source(index_of(ivec4(at.x, row.x, column.y, at.w), old));
    VALUE d = source(index_of(ivec4(at.x, row.y, column.y, at.w), old));
#if SINGLE
    vec2 down = intBitsToFloat(row.zw), along = intBitsToFloat(column.zw);
    precise REAL x = REAL(a) * down.x * along.x + REAL(b) * down.y * along.x  // in this order: each step is rounded
                   + REAL(c) * down.x * along.y + REAL(d) * down.y * along.y + 0.5;
    store(i, VALUE(x));
#else
    VALUE left = a * row.z + b * row.w, right = c * row.z + d * row.w;
    VALUE high = (left >> 10) * column.z + (right >> 10) * column.w;
    VALUE low = (left & 1023) * column.z + (right & 1023) * column.w;
    high += low >> 10;  // the sum is 1024 * high + what is left of low, which of 16 bits 32 may not hold
    VALUE negative = high >> 31;
    VALUE size = (high ^ negative) - negative - (negative & (((low & 1023) + 1023) >> 10));
    store(i, (((size + 512) >> 10) ^ negative) - negative);  // halves away from 0
#endif
}
