/* Element by element: of two tensors that broadcast, and of one. Bytes are rescaled in integers, as TFLite's
   reference kernels do. */
#include <math.h>
#include "nn.h"

void multiplier(double real, int32_t *whole, int *shift) {
    if (real == 0) { *whole = 0, *shift = 0; return; }
    double q = frexp(real, shift);
    int64_t fixed = llround(q * (double)(1ll << 31));
    if (fixed == 1ll << 31) fixed /= 2, ++*shift;
    if (*shift < -31) *shift = 0, fixed = 0;
    *whole = (int32_t)fixed;
}

int32_t high_product(int32_t a, int32_t b) {
    int64_t ab = (int64_t)a * b;
    return (int32_t)((ab + (ab >= 0 ? 1 << 30 : 1 - (1 << 30))) / (1ll << 31));
}

int32_t divided(int32_t x, int e) {
    int32_t mask = (int32_t)((1ll << e) - 1), rest = x & mask, threshold = (mask >> 1) + (x < 0);
    return (x >> e) + (rest > threshold);
}

int32_t rescale(int32_t x, int32_t whole, int shift) {
    int32_t up = shift > 0 ? (int32_t)((uint32_t)x << shift) : x;
    return divided(high_product(up, whole), shift > 0 ? 0 : -shift);
}

void bounds(const Value *out, int32_t fuse, int32_t *low, int32_t *high) {
    *low = out->type == T_SIGNED ? -128 : 0, *high = *low + 255;
    static const float lows[] = {0, 0, -1, 0}, highs[] = {0, 0, 1, 6};
    if (fuse) {
        int32_t bottom = out->zero + (int32_t)roundf(lows[fuse] / out->scale);
        if (bottom > *low) *low = bottom;
    }
    if (fuse > 1) {
        int32_t top = out->zero + (int32_t)roundf(highs[fuse] / out->scale);
        if (top < *high) *high = top;
    }
}

static int broadcast(const Value *a, const Value *b, Value *out) {
    uint32_t rank = a->rank > b->rank ? a->rank : b->rank, dims[MOST_RANK];
    for (uint32_t k = 0; k < rank; k++) {
        uint32_t x = k + a->rank < rank ? 1 : a->dims[k + a->rank - rank], y = k + b->rank < rank ? 1 : b->dims[k + b->rank - rank];
        if (x != y && x != 1 && y != 1) return OP_FAILED;
        dims[k] = x > y ? x : y;
    }
    return shape(out, rank, dims);
}

/* Where element k of a result comes from, in a tensor that broadcasts to it. */
static size_t place(const Value *v, const Value *out, size_t k) {
    size_t at = 0, step = 1;
    for (uint32_t i = out->rank; i-- > 0; k /= out->dims[i]) {
        if (i + v->rank < out->rank) break;
        uint32_t size = v->dims[i + v->rank - out->rank];
        at += (size == 1 ? 0 : k % out->dims[i]) * step;
        step *= size;
    }
    return at;
}

int32_t clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }

static void sum_of_bytes(int32_t code, const Value *a, const Value *b, Value *out, int32_t fuse) {
    double twice = 2 * fmax(a->scale, b->scale);
    int32_t ma, mb, mo, low, high;
    int sa, sb, so;
    multiplier(a->scale / twice, &ma, &sa), multiplier(b->scale / twice, &mb, &sb);
    multiplier(twice / ((1 << 20) * (double)out->scale), &mo, &so);
    bounds(out, fuse, &low, &high);
    for (size_t k = 0, n = count_of(out->rank, out->dims); k < n; k++) {
        int32_t x = rescale((read_raw(a, place(a, out, k)) - a->zero) * (1 << 20), ma, sa);
        int32_t y = rescale((read_raw(b, place(b, out, k)) - b->zero) * (1 << 20), mb, sb);
        write_raw(out, k, clamp(rescale(code == 36 ? x - y : x + y, mo, so) + out->zero, low, high));
    }
}

static void product_of_bytes(const Value *a, const Value *b, Value *out, int32_t fuse) {
    int32_t m, low, high;
    int s;
    multiplier((double)a->scale * (double)b->scale / (double)out->scale, &m, &s);
    bounds(out, fuse, &low, &high);
    for (size_t k = 0, n = count_of(out->rank, out->dims); k < n; k++) {
        int32_t x = (read_raw(a, place(a, out, k)) - a->zero) * (read_raw(b, place(b, out, k)) - b->zero);
        write_raw(out, k, clamp(rescale(x, m, s) + out->zero, low, high));
    }
}

/* PRELU. */
static void slopes_of_bytes(const Value *x, const Value *slope, Value *out) {
    int32_t straight, steep, low, high;
    int s, t;
    multiplier(x->scale / out->scale, &straight, &s), multiplier(x->scale * slope->scale / out->scale, &steep, &t);
    bounds(out, 0, &low, &high);
    for (size_t k = 0, n = count_of(out->rank, out->dims); k < n; k++) {
        int32_t v = read_raw(x, place(x, out, k)) - x->zero, by = read_raw(slope, place(slope, out, k)) - slope->zero;
        write_raw(out, k, clamp((v >= 0 ? rescale(v, straight, s) : rescale(v * by, steep, t)) + out->zero, low, high));
    }
}

static int32_t whole(int32_t code, int32_t x, int32_t y, int *bad) {
    switch (code) {
        case 0: return (int32_t)((uint32_t)x + (uint32_t)y);
        case 36: return (int32_t)((uint32_t)x - (uint32_t)y);
        case 18: return (int32_t)((uint32_t)x * (uint32_t)y);
        case 65: return x > y ? x : y;
        case 66: return x < y ? x : y;
        case 30:
            if (y == 0 || (x == INT32_MIN && y == -1)) return *bad = 1, 0;
            return x / y - (x % y && (x < 0) != (y < 0));
        case 61: return x && y;
        case 63: return x || y;
        case 48: return x == y;
        case 53: return x > y;
        case 54: return x >= y;
        case 58: return x < y;
        case 59: return x <= y;
        default: return x != y;
    }
}

static float number(int32_t code, float x, float y) {
    switch (code) {
        case 0: return x + y;
        case 36: return x - y;
        case 18: return x * y;
        case 30: return x / y;
        case 65: return x > y ? x : y;
        case 66: return x < y ? x : y;
        case 70: return powf(x, y);
        case 71: return x >= 0 ? x : x * y;
        case 48: return x == y;
        case 53: return x > y;
        case 54: return x >= y;
        case 58: return x < y;
        case 59: return x <= y;
        default: return x != y;
    }
}

int arithmetic(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    bool fused = code == 0 || code == 36 || code == 18 || code == 30;
    bool compares = code == 48 || code == 53 || code == 54 || code == 58 || code == 59 || code == 68;
    if (!fused && !compares && code != 65 && code != 66 && code != 70 && code != 71 && code != 61 && code != 63) return INCOMPLETE;
    (void)n_in, (void)n_out;
    const Value *a = in[0], *b = in[1];
    int result = broadcast(a, b, out[0]), bad = 0;
    if (result) return result;
    int32_t fuse = fused ? integer(in[2]) : 0;
    if (fuse < 0 || fuse > 3) return BAD_DATA;
    bool bytes = a->type == T_QUANT8 || a->type == T_SIGNED;
    if (bytes && fused) {
        if (code == 18) product_of_bytes(a, b, out[0], fuse);
        else sum_of_bytes(code, a, b, out[0], fuse);
        return NO_ERROR;
    }
    if (bytes && code == 71) return slopes_of_bytes(a, b, out[0]), NO_ERROR;
    bool other = bytes && (a->scale != b->scale || a->zero != b->zero);
    if (other && !compares) return OP_FAILED; /* maxima and minima are of one scale */
    for (size_t k = 0, n = count_of(out[0]->rank, out[0]->dims); k < n; k++) {
        size_t i = place(a, out[0], k), j = place(b, out[0], k);
        if (a->type != T_FLOAT32 && !other) write_raw(out[0], k, whole(code, read_raw(a, i), read_raw(b, j), &bad));
        else if (compares) write_raw(out[0], k, number(code, read_real(a, i), read_real(b, j)) != 0);
        else write_real(out[0], k, activated(number(code, read_real(a, i), read_real(b, j)), fuse));
    }
    return bad ? OP_FAILED : NO_ERROR;
}

static float of_one(int32_t code, float x, const Value *second) {
    switch (code) {
        case 38: return fabsf(x);
        case 49: return expf(x);
        case 8: return floorf(x);
        case 60: return logf(x);
        case 14: return 1 / (1 + expf(-x));
        case 67: return -x;
        case 19: return activated(x, 1);
        case 20: return activated(x, 2);
        case 21: return activated(x, 3);
        case 83: return 1 / sqrtf(x);
        case 85: return sinf(x);
        case 88: return sqrtf(x);
        case 28: return tanhf(x);
        case 98: return x > 0 ? x : real(second) * expm1f(x);
        case 99: return x * activated(x + 3, 3) / 6;
        default: return x; /* QUANTIZE, DEQUANTIZE */
    }
}

int elementwise(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    static const int32_t codes[] = {38, 49, 8, 60, 14, 67, 19, 20, 21, 83, 85, 88, 28, 98, 99, 72, 6, 45, 62};
    bool mine = false;
    for (size_t k = 0; k < sizeof codes / sizeof *codes; k++) mine |= codes[k] == code;
    if (!mine) return INCOMPLETE;
    (void)n_in, (void)n_out;
    const Value *x = in[0];
    Value *y = out[0];
    int result = like(y, x);
    if (result) return result;
    int32_t low, high;
    for (size_t k = 0, n = count_of(x->rank, x->dims); k < n; k++) {
        if (code == 62) write_raw(y, k, !read_raw(x, k));
        else if (code >= 19 && code <= 21 && x->type != T_FLOAT32)
            bounds(x, code == 19 ? 1 : code == 20 ? 2 : 3, &low, &high), write_raw(y, k, clamp(read_raw(x, k), low, high));
        else if (x->type == T_INT32 && y->type == T_INT32) {
            int32_t v = read_raw(x, k);
            write_raw(y, k, code == 67 || (code == 38 && v < 0) ? (int32_t)(0u - (uint32_t)v) : v);
        } else if (code == 45) {
            double v = x->type == T_FLOAT32 ? (double)read_real(x, k) : read_raw(x, k);
            if (y->type == T_FLOAT32) write_real(y, k, v);
            else write_raw(y, k, y->type == T_QUANT8 ? (v < 0 ? 0 : v > 255 ? 255 : (int32_t)v) : (int32_t)v);
        } else write_real(y, k, of_one(code, read_real(x, k), n_in > 1 ? in[1] : NULL));
    }
    return NO_ERROR;
}
