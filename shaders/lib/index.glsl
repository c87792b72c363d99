// Which invocation this is, and row-major index arithmetic.

// The index in one dimension of a launch sized by groups_for().
uint invocation() {
    return gl_GlobalInvocationID.x + gl_GlobalInvocationID.y * (gl_NumWorkGroups.x * uint(LOCAL_X));
}

// i / n and i % n for i below 2^31, by floats: no device divides integers fast that are not constant. The first quotient
// is off by what 24 bits leave out of `i`, the second by one at most. Unsigned ones take several steps to become floats.
int divide(int i, int n) {
    float each = 1.0 / float(n);
    int q = int(float(i) * each);
    q += int(float(i - q * n) * each);
    int rest = i - q * n;
    return q + (rest >= n ? 1 : 0) - (rest < 0 ? 1 : 0);
}

int modulo(int i, int n) { return i - divide(i, n) * n; }

// The same for i below 2^20, where half more keeps what division (by up to 2.5 units in the last place, in any GL) and the
// product round from reaching the next quotient.
uint divide_few(uint i, uint n) { return uint(int((float(int(i)) + 0.5) * (1.0 / float(int(n))))); }

uint divide(uint i, uint n) { return uint(divide(int(i), int(n))); }
uint modulo(uint i, uint n) { return uint(modulo(int(i), int(n))); }

// Column and row of the i-th place of images of this width and height, and how many whole ones lie before it.
ivec3 place_of(int i, int width, int height) {
    int row = divide(i, width), image = divide(row, height);
    return ivec3(i - row * width, row - image * height, image);
}

// Sets x to the k-th of `count` values, each of which is as `each` says of q. An array that is indexed by what is known only
// when it runs would lie in memory on software, and compile longer than that.
#define CHOOSE(x, k, count, each)    \
    {                                \
        const int q = 0;             \
        x = each;                    \
    }                                \
    for (int q = 1; q < count; q++)  \
        if (q == (k)) x = each

// Defines uint name(uint i): where value `i` of a row-major block of these dimensions lies, by its strides.
#define PLACE(name, rank, dims, strides)                                \
    uint name(uint i) {                                                 \
        uint at = 0u;                                                   \
        for (int d = rank - 1; d > 0; d--) {                            \
            uint outer = divide(i, uint(dims[d]));                      \
            at += (i - outer * uint(dims[d])) * uint(strides[d]);       \
            i = outer;                                                  \
        }                                                               \
        return at + i * uint(strides[0]);                               \
    }
