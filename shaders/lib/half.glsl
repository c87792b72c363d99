// Whether a float, or one of four, is finite and would be infinite in half.

bool beyond_half(float x) { return abs(x) >= 65520.0 && abs(x) <= 3.4028235e38; }
bool beyond_half(vec4 x) { return beyond_half(x.x) || beyond_half(x.y) || beyond_half(x.z) || beyond_half(x.w); }

// The nearest of what half holds, of two as near the even one. By hand: how packHalf2x16 rounds is left to drivers.
float halved(float x) {
    uint bits = floatBitsToUint(abs(x));
    if (bits > 0x7f800000u) return x;
    if (bits < 0x38800000u) return roundEven(x * 16777216.0) / 16777216.0;
    bits = (bits + 0xfffu + (bits >> 13 & 1u)) & ~0x1fffu;
    return uintBitsToFloat((bits > 0x477fe000u ? 0x7f800000u : bits) | (floatBitsToUint(x) & 0x80000000u));
}
vec4 halved(vec4 x) { return vec4(halved(x.x), halved(x.y), halved(x.z), halved(x.w)); }

// Within what half holds but for its infinities; a NaN stays one, whatever a compiler makes of comparisons.
float finite_half(float x) {
    uint bits = floatBitsToUint(x), size = bits & 0x7fffffffu;
    return size > 0x7f800000u ? x : uintBitsToFloat(min(size, 0x477fe000u) | (bits & 0x80000000u));
}
vec4 finite_half(vec4 x) { return vec4(finite_half(x.x), finite_half(x.y), finite_half(x.z), finite_half(x.w)); }
