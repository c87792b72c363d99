// Quotients and square roots rounded as IEEE 754 wants, to the nearest float, for one and for four: GLSL allows errors in
// its own. An approximation is mended in integers, by what is left over; that is small, so it survives wrapping around.

#define MANTISSA(bits) ((bits & 0x7fffffu) | 0x800000u)
#define EXPONENT(bits) int(bits >> 23 & 0xffu)

float divided(float x, float y) {
    uint a = floatBitsToUint(x), b = floatBitsToUint(y);
    int exponent = EXPONENT(a) - EXPONENT(b);
    // Zeros, infinities, NaNs, and quotients that are too large or too small to be normal.
    if (min(EXPONENT(a), EXPONENT(b)) == 0 || max(EXPONENT(a), EXPONENT(b)) == 255 || abs(exponent) > 124) return x / y;
    uint m = MANTISSA(a), n = MANTISSA(b);
    int up = m < n ? 24 : 23;  // so that the quotient has 24 bits
    uint q = uint(float(m) / float(n) * float(1 << up));
    int rest = int((m << up) - q * n);
    for (; rest < 0; rest += int(n)) q--;
    for (; rest >= int(n); rest -= int(n)) q++;
    if (2 * rest > int(n)) q++;  // they are never equal
    return uintBitsToFloat(((a ^ b) & 0x80000000u) | (uint(exponent + 149 - up) << 23) + q);
}
vec4 divided(vec4 x, vec4 y) {
    return vec4(divided(x.x, y.x), divided(x.y, y.y), divided(x.z, y.z), divided(x.w, y.w));
}

vec4 divided(vec4 x, float y) { return divided(x, vec4(y)); }

float square_root(float x) {
    uint a = floatBitsToUint(x);
    if (EXPONENT(a) == 0 || a >= 0x7f800000u) return sqrt(x);
    int power = EXPONENT(a) - 150;  // x is its mantissa times 2 ** power
    int up = 23 + (power + 1) % 2;  // so that the root has 24 bits, and the power is even
    uint r = uint(sqrt(float(MANTISSA(a)) * float(1 << up)));
    int rest = int((MANTISSA(a) << up) - r * r);
    for (; rest < 0; rest += int(2u * r + 1u)) r--;
    for (; rest > int(2u * r); r++) rest -= int(2u * r + 1u);
    if (rest > int(r)) r++;
    return uintBitsToFloat((uint((power - up) / 2 + 149) << 23) + r);
}
vec4 square_root(vec4 x) { return vec4(square_root(x.x), square_root(x.y), square_root(x.z), square_root(x.w)); }

// The nearest integer, halves away from 0, plus a zero point, within limits. What 32 bits do not hold, or is a NaN, is the
// lowest integer before the zero point joins it, as where a float is converted on x86.
int nearest(float x, int zero, int low, int high) {
    float size = abs(x), whole = floor(size);
    int r = -2147483647 - 1;
    if (size < 2147483648.0) {
        r = int(whole) + (size - whole >= 0.5 ? 1 : 0);
        if (x < 0.0) r = -r;
    }
    return clamp(r + zero, low, high);
}
ivec4 nearest(vec4 x, ivec4 zero, int low, int high) {
    return ivec4(
        nearest(x.x, zero.x, low, high), nearest(x.y, zero.y, low, high), nearest(x.z, zero.z, low, high),
        nearest(x.w, zero.w, low, high)
    );
}
ivec4 nearest(vec4 x, int zero, int low, int high) { return nearest(x, ivec4(zero), low, high); }
