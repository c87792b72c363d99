// The bits of a float that half holds, as half has them, and back; by hand, so that subnormal ones and NaN keep theirs.

int half_bits(float x) {
    uint bits = floatBitsToUint(x), size = bits & 0x7fffffffu, made = (size >> 13) - 0x1c000u;
    if (size >= 0x7f800000u) made = 0x7c00u | (size >> 13 & 0x3ffu);
    else if (size < 0x38800000u) made = uint(abs(x) * 16777216.0);
    return int(made | (bits >> 16 & 0x8000u));
}
ivec4 half_bits(vec4 x) { return ivec4(half_bits(x.x), half_bits(x.y), half_bits(x.z), half_bits(x.w)); }

float of_half_bits(int x) {
    uint bits = uint(x), digits = bits & 0x3ffu, exponent = bits >> 10 & 0x1fu, made = exponent + 112u << 23 | digits << 13;
    if (exponent == 0x1fu) made = 0x7f800000u | digits << 13;
    else if (exponent == 0u) made = floatBitsToUint(float(digits) / 16777216.0);
    return uintBitsToFloat(made | (bits & 0x8000u) << 16);
}
vec4 of_half_bits(ivec4 x) {
    return vec4(of_half_bits(x.x), of_half_bits(x.y), of_half_bits(x.z), of_half_bits(x.w));
}
