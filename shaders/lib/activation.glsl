// Fused activations, for float and vec4. Selections, and precise, so that a NaN stays a NaN: otherwise compilers make
// them min and max.

// By its bits: comparing, compilers may take it that there is none.
bool is_nan(float x) { return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u; }

float clip(float x, float low, float high) {
    precise float r = x < low ? low : x > high ? high : x;
    return r;
}

vec4 clip(vec4 x, float low, float high) {
    precise vec4 r = mix(x, vec4(low), lessThan(x, vec4(low)));
    r = mix(r, vec4(high), greaterThan(x, vec4(high)));
    return r;
}

float relu(float x) {
    precise float r = x < 0.0 ? 0.0 : x;
    return r;
}

vec4 relu(vec4 x) {
    precise vec4 r = mix(x, vec4(0.0), lessThan(x, vec4(0.0)));
    return r;
}

float relu6(float x) { return clip(x, 0.0, 6.0); }
vec4 relu6(vec4 x) { return clip(x, 0.0, 6.0); }

float relu1(float x) { return clip(x, -1.0, 1.0); }
vec4 relu1(vec4 x) { return clip(x, -1.0, 1.0); }
