// Which invocation this is, and row-major index arithmetic.

// The index in one dimension of a launch sized by groups_for().
uint invocation() {
    return gl_GlobalInvocationID.x + gl_GlobalInvocationID.y * (gl_NumWorkGroups.x * uint(LOCAL_X));
}

// i / n and i % n for i below 2^31, by floats: no device divides integers fast that are not constant. The first quotient
// is off by what 24 bits leave out of `i`, the second by one at most.
uint divide(uint i, uint n) {
    float each = 1.0 / float(n);
    uint q = uint(float(i) * each);
    int more = int(floor(float(int(i - q * n)) * each));
    q += uint(more);
    int rest = int(i - q * n);
    return rest < 0 ? q - 1u : rest >= int(n) ? q + 1u : q;
}

uint modulo(uint i, uint n) { return i - divide(i, n) * n; }

int divide(int i, int n) { return int(divide(uint(i), uint(n))); }
int modulo(int i, int n) { return i - divide(i, n) * n; }

// Column and row of the i-th place of images of this width and height, and how many whole ones lie before it.
ivec3 place_of(int i, int width, int height) {
    int row = divide(i, width), image = divide(row, height);
    return ivec3(i - row * width, row - image * height, image);
}

// Row-major index of a position in a shape of rank 4, such as NHWC; and back.
uint index_of(ivec4 at, ivec4 shape) {
    return uint(((at.x * shape.y + at.y) * shape.z + at.z) * shape.w + at.w);
}

ivec4 position_of(uint i, ivec4 shape) {
    uint w = uint(shape.w), z = uint(shape.z), y = uint(shape.y);
    return ivec4(i / (w * z * y), i / (w * z) % y, i / w % z, i % w);
}

// Defines uint name(uint i): where value `i` of a row-major block of these dimensions lies, by its strides.
#define PLACE(name, rank, dims, strides)                                \
    uint name(uint i) {                                                 \
        uint at = 0u;                                                   \
        for (int d = rank - 1; d > 0; d--) {                            \
            at += i % uint(dims[d]) * uint(strides[d]);                 \
            i /= uint(dims[d]);                                         \
        }                                                               \
        return at + i * uint(strides[0]);                               \
    }
