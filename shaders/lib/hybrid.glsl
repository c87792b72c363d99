// Floats as integers of 8 bits, row by row, as TFLite takes them to weights of 8 bits, bit by bit (`SymmetricQuantizeFloats`
// and `AsymmetricQuantizeFloats` in tensorflow/lite/kernels/internal/optimized/neon_tensor_utils.cc, which x86 runs, too).

// A float x is the integer nearest to x * inverse, plus zero; what it stands for is scale * (that - zero).
struct Grid { float scale; float inverse; int zero; };

// a * x - b * y, its sign right: heads and tails of a and b, whose products with numbers of 9 bits are exact.
float difference(float a, float x, float b, float y) {
    float a_head = uintBitsToFloat(floatBitsToUint(a) & 0xfffff000u), a_tail = a - a_head;
    float b_head = uintBitsToFloat(floatBitsToUint(b) & 0xfffff000u), b_tail = b - b_head;
    precise float r = (a_head * x - b_head * y) + (a_tail * x - b_tail * y);
    return r;
}

// Which way doubles err where x / (range / 255) is `half_way`, between two integers, when it is taken from `from`: 1, -1 or,
// where they do not, 0. What 255 leaves of the range's mantissa is the error of range / 255 in its last place; the
// quotient's own rounding keeps it if it is more than half of that one's.
int error_of_double(float range, float half_way, float from) {
    uint bits = floatBitsToUint(half_way);
    if (EXPONENT(bits) < EXPONENT(floatBitsToUint(from - half_way))) return 0;
    int mantissa = int(MANTISSA(floatBitsToUint(range)));
    bool carries = mantissa >= 255 << 16;
    int rest = mantissa * (carries ? 16 : 32) % 255;
    if (rest > 127) rest -= 255;
    float part = uintBitsToFloat((bits & 0x7fffffu) | 0x3f800000u) * float(abs(rest)) * (carries ? 131072.0 : 65536.0);
    return part > float(mantissa) ? sign(rest) : 0;
}

// Where 0 lies between -low and high: counted from the nearer end, halves away from 0.
int zero_between(float low, float high, float range) {
    bool from_low = difference(high, 255.0, low, 255.0) > range;
    float x = from_low ? low : high, count = 255.0 * divided(x, range), whole = floor(count);
    float over = difference(x, 255.0, range, whole + 0.5);
    if (over == 0.0) over = float(error_of_double(range, whole + 0.5, from_low ? 128.0 : 127.0));
    if (over == 0.0) over = from_low || whole < 127.0 ? -1.0 : 1.0;
    int counted = int(whole) + (over > 0.0 ? 1 : 0);
    return clamp(from_low ? counted - 128 : 127 - counted, -128, 127);
}

Grid grid_of(float low, float high) {
#if ASYMMETRIC
    low = max(-low, 0.0);
    high = max(high, 0.0);
    precise float range = low + high;
    if (range == 0.0) return Grid(1.0, 0.0, 0);
    float scale = divided(range, 255.0);
    return Grid(scale, divided(1.0, scale), zero_between(low, high, range));
#else
    float range = max(abs(low), abs(high));
    return range == 0.0 ? Grid(1.0, 0.0, 0) : Grid(divided(range, 127.0), divided(127.0, range), 0);
#endif
}

// The integer nearest to what was multiplied by the inverse, less the zero point.
int on_grid(float scaled, int zero) { return nearest(scaled, zero, ASYMMETRIC == 1 ? -128 : -127, 127) - zero; }

// The integer of a float, less the zero point.
int on_grid(float x, Grid grid) {
    precise float scaled = x * grid.inverse;
    return on_grid(scaled, grid.zero);
}

// The same of element `k` of a row of `size`. By eights x86 adds a half and cuts off, so that the float below a half is 1.
int on_grid(float x, Grid grid, uint k, uint size) {
    precise float scaled = x * grid.inverse;
    bool odd = k < (size & ~7u) && (floatBitsToUint(scaled) & 0x7fffffffu) == 0x3effffffu;
    return on_grid(odd ? sign(scaled) * 0.5 : scaled, grid.zero);
}
