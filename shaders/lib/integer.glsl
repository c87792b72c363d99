// Functions of integers of 32 bits, for one and for four, with the reference kernels' results at the limits.

#define EACH_INT(f) ivec4 f(ivec4 x) { return ivec4(f(x.x), f(x.y), f(x.z), f(x.w)); }
#define EACH_INTS(f) ivec4 f(ivec4 x, ivec4 y) { return ivec4(f(x.x, y.x), f(x.y, y.y), f(x.z, y.z), f(x.w, y.w)); }

#define LOWEST (-2147483647 - 1)
#define HIGHEST 2147483647

int larger(int x, int y) { return max(x, y); }
ivec4 larger(ivec4 x, ivec4 y) { return max(x, y); }
int smaller(int x, int y) { return min(x, y); }
ivec4 smaller(ivec4 x, ivec4 y) { return min(x, y); }

int relu(int x) { return max(x, 0); }
ivec4 relu(ivec4 x) { return max(x, 0); }
int relu6(int x) { return clamp(x, 0, 6); }
ivec4 relu6(ivec4 x) { return clamp(x, 0, 6); }
int relu1(int x) { return clamp(x, -1, 1); }
ivec4 relu1(ivec4 x) { return clamp(x, -1, 1); }

// Of what is not negative; -1 is the largest there, so that between it and 1 lies 1 alone.
uint relu(uint x) { return x; }
uvec4 relu(uvec4 x) { return x; }
uint relu6(uint x) { return min(x, 6u); }
uvec4 relu6(uvec4 x) { return min(x, 6u); }
uint relu1(uint x) { return 1u; }
uvec4 relu1(uvec4 x) { return uvec4(1u); }

// The lowest bits of x as a signed number; `spare` is how many bits there are above them.
int wrapped(int x, int spare) { return (x << spare) >> spare; }
ivec4 wrapped(ivec4 x, int spare) { return (x << spare) >> spare; }

// Division by way of magnitudes, for GLSL leaves open what becomes of signs. Nothing is divided by 0.
uint magnitude(int x) { return x < 0 ? 0u - uint(x) : uint(x); }

// Towards 0; the one quotient that is too large becomes the largest number.
int quotient(int x, int y) {
    uint q = magnitude(x) / max(magnitude(y), 1u);
    return (x < 0) != (y < 0) ? int(0u - q) : int(min(q, uint(HIGHEST)));
}
EACH_INTS(quotient)

int floor_div(int x, int y) {
    uint divisor = max(magnitude(y), 1u);
    uint q = magnitude(x) / divisor;
    if ((x < 0) == (y < 0)) return int(q);
    return int(0u - q - (q * divisor == magnitude(x) ? 0u : 1u));
}
EACH_INTS(floor_div)

int floor_mod(int x, int y) {
    int r = int(magnitude(x) % max(magnitude(y), 1u));
    if (x < 0) r = -r;
    return r != 0 && (x < 0) != (y < 0) ? r + y : r;
}
EACH_INTS(floor_mod)

// Powers that 32 bits do not hold are the lowest number, as where a double is converted on x86.
int power(int x, int y) {
    if (magnitude(x) < 2u) return (y & 1) == 0 && (x < 0 || y == 0) ? 1 : x;
    if (y > 31) return LOWEST;
    uint r = 1u;
    for (int k = 0; k < y; k++) {
        uint high;
        umulExtended(r, magnitude(x), high, r);
        if (high != 0u || r > 0x80000000u) return LOWEST;
    }
    return x < 0 && (y & 1) == 1 ? int(0u - r) : int(r);
}
EACH_INTS(power)
