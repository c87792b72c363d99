// atan2 of C, also where GLSL leaves its atan undefined: both 0, of either sign, or infinite.

float angle(float y, float x) {
    float a = abs(y), b = abs(x), found;
    if (is_nan(x) || is_nan(y)) return uintBitsToFloat(0x7fc00000u);
    if (isinf(a)) found = isinf(b) ? 0.785398163 : 1.57079633;
    else found = a == 0.0 || isinf(b) ? 0.0 : atan(a, b);
    if (floatBitsToUint(x) >> 31 == 1u) found = 3.14159265 - found;
    return floatBitsToUint(y) >> 31 == 1u ? -found : found;
}
vec4 angle(vec4 y, vec4 x) { return vec4(angle(y.x, x.x), angle(y.y, x.y), angle(y.z, x.z), angle(y.w, x.w)); }
