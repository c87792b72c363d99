// Values between the four of the input around them, EACH of a pixel's in a row. `positions` says, for each row and then
// each column, which two of the input are beside it, and their weights: of 1024, or, where SINGLE, floats.

void main() {
    int i = int(invocation()), each = EACH, depth = DEPTH, width = OLD_WIDTH;
    int pixel = divide(i, PARTS), channel = (i - pixel * PARTS) * each, end = min(channel + each, depth);
    if (pixel >= PIXELS) return;
    ivec3 at = place_of(pixel, WIDTH, HEIGHT);
    ivec4 row = positions(at.y), column = positions(HEIGHT + at.x);
    int above = (at.z * OLD_HEIGHT + row.x) * width, below = (at.z * OLD_HEIGHT + row.y) * width;
    vec2 down = intBitsToFloat(row.zw), along = intBitsToFloat(column.zw);
    for (; channel < end; channel++) {
        VALUE a = source((above + column.x) * depth + channel), b = source((below + column.x) * depth + channel);
        VALUE c = source((above + column.y) * depth + channel), d = source((below + column.y) * depth + channel);
#if SINGLE
        precise REAL x = REAL(a) * down.x * along.x + REAL(b) * down.y * along.x  // in this order: each step is rounded
                       + REAL(c) * down.x * along.y + REAL(d) * down.y * along.y + 0.5;
        VALUE made = VALUE(x);
#else
        VALUE left = a * row.z + b * row.w, right = c * row.z + d * row.w;
        VALUE high = (left >> 10) * column.z + (right >> 10) * column.w;
        VALUE low = (left & 1023) * column.z + (right & 1023) * column.w;
        high += low >> 10;  // the sum is 1024 * high + what is left of low, which of 16 bits 32 may not hold
        VALUE negative = high >> 31;
        VALUE size = (high ^ negative) - negative - (negative & (((low & 1023) + 1023) >> 10));
        VALUE made = (((size + 512) >> 10) ^ negative) - negative;  // halves away from 0
#endif
        store(uint(pixel * depth + channel), made);
    }
}
