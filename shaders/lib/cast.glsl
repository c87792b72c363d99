// Conversions, for one and for four. What an integer type does not hold becomes its limit, and a NaN the upper one.

#define EACH_FLOAT(made, f) made f(vec4 x) { return made(f(x.x), f(x.y), f(x.z), f(x.w)); }

int saturated(float x, int low, int high) {
    return x >= float(high) || is_nan(x) ? high : x <= float(low) ? low : int(x);
}
ivec4 saturated(vec4 x, int low, int high) {
    return ivec4(saturated(x.x, low, high), saturated(x.y, low, high), saturated(x.z, low, high), saturated(x.w, low, high));
}

uint saturated(float x) { return x >= 4294967296.0 || is_nan(x) ? 0xffffffffu : x <= 0.0 ? 0u : uint(x); }
EACH_FLOAT(uvec4, saturated)

// By its bits, so that numbers too small to be normal count.
int nonzero(float x) { return int((floatBitsToUint(x) << 1) != 0u); }
EACH_FLOAT(ivec4, nonzero)
int nonzero(int x) { return int(x != 0); }
ivec4 nonzero(ivec4 x) { return ivec4(notEqual(x, ivec4(0))); }
int nonzero(uint x) { return int(x != 0u); }
ivec4 nonzero(uvec4 x) { return ivec4(notEqual(x, uvec4(0u))); }
int nonzero(ivec2 x) { return int(x != ivec2(0)); }
