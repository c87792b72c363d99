// Functions of elementwise ops, for float and vec4, with TFLite's results for NaN, infinities and large values.

#define EACH(f) vec4 f(vec4 x) { return vec4(f(x.x), f(x.y), f(x.z), f(x.w)); }
#define EACH_PAIR(f) vec4 f(vec4 x, vec4 y) { return vec4(f(x.x, y.x), f(x.y, y.y), f(x.z, y.z), f(x.w, y.w)); }

float prelu(float x, float alpha) { return x < 0.0 ? x * alpha : x; }
EACH_PAIR(prelu)

float elu(float x) {
    if (x >= 0.0 || is_nan(x)) return x;
    return x > -0.1 ? x + x * x * (0.5 + x * (0.16666667 + x * (0.041666667 + x * 0.0083333333))) : exp(x) - 1.0;
}
EACH(elu)

float signum(float x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x; }
EACH(signum)

float logistic(float x) { return 1.0 / (1.0 + exp(-x)); }
EACH(logistic)

// A built-in tanh may divide infinity by infinity; this exponential never grows. Near 0, where digits would cancel out, a
// series.
float hyperbolic_tangent(float x) {
    float square = x * x;
    if (abs(x) < 0.2) return x - x * square * (0.33333333 - square * (0.13333333 - square * 0.053968254));
    float e = exp(-2.0 * abs(x));
    float t = (1.0 - e) / (1.0 + e);
    return x < 0.0 ? -t : t;
}
EACH(hyperbolic_tangent)

// Without squares that are too large or too small.
float hypotenuse(float a, float b) {
    float more = max(abs(a), abs(b)), less = min(abs(a), abs(b));
    if (isinf(a) || isinf(b) || less == 0.0) return more;
    float ratio = less / more;
    return more * sqrt(1.0 + ratio * ratio);
}

// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: absolute error below 1.5e-7.
float erf(float x) {
    float t = 1.0 / (1.0 + 0.3275911 * abs(x));
    float p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    float r = 1.0 - p * exp(-x * x);
    return x < 0.0 ? -r : r;
}

// Hendrycks and Gimpel, Gaussian Error Linear Units (arXiv:1606.08415): exact, and approximated by tanh.
float gelu(float x) { return 0.5 * x * (1.0 + erf(0.70710678 * x)); }
EACH(gelu)

float gelu_tanh(float x) { return 0.5 * x * (1.0 + hyperbolic_tangent(0.79788456 * (x + 0.044715 * x * x * x))); }
EACH(gelu_tanh)

// TFLite's comparisons: of two values, one a NaN, the second. Precise, or a compiler makes them max and min.
float larger(float x, float y) {
    precise float r = x > y ? x : y;
    return r;
}
EACH_PAIR(larger)

float smaller(float x, float y) {
    precise float r = x < y ? x : y;
    return r;
}
EACH_PAIR(smaller)

int larger(int x, int y) { return max(x, y); }
ivec4 larger(ivec4 x, ivec4 y) { return max(x, y); }
int smaller(int x, int y) { return min(x, y); }
ivec4 smaller(ivec4 x, ivec4 y) { return min(x, y); }

// C's pow; the built-in one is undefined for a negative base, and for zero to the power of zero.
float power(float x, float y) {
    if (y == 0.0 || x == 1.0) return 1.0;
    if (is_nan(x) || is_nan(y)) return x + y;
    if (x < 0.0 && !isinf(x) && floor(y) != y) return uintBitsToFloat(0x7fc00000u);
    if (x == 0.0) return y < 0.0 ? uintBitsToFloat(0x7f800000u) : 0.0;
    float p = abs(x) == 1.0 ? 1.0 : exp2(y * log2(abs(x)));
    return x < 0.0 && y - 2.0 * floor(0.5 * y) == 1.0 ? -p : p;
}
EACH_PAIR(power)

// x - q * y as if exact, for a quotient q of x by y: products of halves have no rounding error (Dekker 1971).
float left_over(float x, float q, float y) {
    float q_head = uintBitsToFloat(floatBitsToUint(q) & 0xfffff000u), q_tail = q - q_head;
    float y_head = uintBitsToFloat(floatBitsToUint(y) & 0xfffff000u), y_tail = y - y_head;
    precise float r = x - q_head * y_head;
    r -= q_head * y_tail;
    r -= q_tail * y_head;
    r -= q_tail * y_tail;
    return r;
}

// A rounded quotient may be one off: the remainder then has the other sign, or is as large as the divisor.
float floor_div(float x, float y) {
    float q = floor(x / y);
    float r = left_over(x, q, y);
    if ((r < 0.0 && y > 0.0) || (r > 0.0 && y < 0.0)) return q - 1.0;
    return abs(r) >= abs(y) ? q + 1.0 : q;
}
EACH_PAIR(floor_div)

// Each pass takes off all but the last 24 bits of the quotient.
float floor_mod(float x, float y) {
    if (is_nan(y)) return y;
    float r = x;
    for (int pass = 0; pass < 8 && abs(r) >= abs(y); pass++) r = left_over(r, trunc(r / y), y);
    return (r < 0.0 && y > 0.0) || (r > 0.0 && y < 0.0) ? r + y : r;
}
EACH_PAIR(floor_mod)
