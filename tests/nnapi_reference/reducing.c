/* Reductions, normalisations along an axis, and resizing of images. */
#include <math.h>
#include <string.h>
#include "nn.h"

static double start(int32_t code) { return code == 77 ? -INFINITY : code == 78 ? INFINITY : code == 79 || code == 75; }

static double taken(int32_t code, double so_far, double x) {
    switch (code) {
        case 75: return so_far && x;
        case 76: return so_far || x;
        case 77: return x > so_far ? x : so_far;
        case 78: return x < so_far ? x : so_far;
        case 79: return so_far * x;
        default: return so_far + x;
    }
}

static int reduced(int32_t code, Value **in, Value *y) {
    const Value *x = in[0];
    bool gone[MOST_RANK] = {false}, keep = code == 31 ? integer(in[2]) > 0 : truth(in[2]);
    uint32_t dims[MOST_RANK], kept[MOST_RANK], rank = 0;
    for (uint32_t k = 0; k < in[1]->dims[0]; k++) {
        int32_t axis = read_raw(in[1], k);
        if (axis < 0) axis += (int32_t)x->rank;
        if (axis < 0 || axis >= (int32_t)x->rank) return OP_FAILED;
        gone[axis] = true;
    }
    for (uint32_t k = 0; k < x->rank; k++) {
        kept[k] = gone[k] ? 1 : x->dims[k];
        if (keep || !gone[k]) dims[rank++] = kept[k];
    }
    int result = shape(y, rank, dims);
    if (result) return result;
    size_t n = count_of(x->rank, x->dims), m = count_of(x->rank, kept);
    for (size_t k = 0; k < m; k++) {
        double total = start(code);
        for (size_t i = 0; i < n; i++) {
            size_t at = 0, step = 1, rest = i;
            for (uint32_t d = x->rank; d-- > 0; rest /= x->dims[d]) {
                at += gone[d] ? 0 : rest % x->dims[d] * step;
                step *= kept[d];
            }
            if (at == k) total = taken(code, total, x->type == T_FLOAT32 ? (double)read_real(x, i) : read_raw(x, i));
        }
        if (code == 31) total /= (double)(n / m);
        if (x->type == T_FLOAT32) write_real(y, k, total);
        else write_raw(y, k, code == 31 ? (int32_t)lround(total) : (int32_t)total);
    }
    return NO_ERROR;
}

static int largest(int32_t code, Value **in, Value *y) {
    const Value *x = in[0];
    int32_t axis = integer(in[1]);
    if (axis < 0) axis += (int32_t)x->rank;
    if (axis < 0 || axis >= (int32_t)x->rank) return OP_FAILED;
    uint32_t dims[MOST_RANK], rank = 0;
    for (uint32_t k = 0; k < x->rank; k++)
        if (k != (uint32_t)axis) dims[rank++] = x->dims[k];
    int result = shape(y, rank, dims);
    size_t inner = count_of(x->rank - (uint32_t)axis - 1, x->dims + axis + 1), outer = count_of((uint32_t)axis, x->dims);
    for (size_t k = 0; k < outer * inner && !result; k++) {
        int32_t best = 0;
        size_t first = k / inner * x->dims[axis] * inner + k % inner;
        for (uint32_t i = 1; i < x->dims[axis]; i++) {
            double a = x->type == T_FLOAT32 ? (double)read_real(x, first + i * inner) : read_raw(x, first + i * inner);
            double b = x->type == T_FLOAT32 ? (double)read_real(x, first + (size_t)best * inner) : read_raw(x, first + (size_t)best * inner);
            if (code == 39 ? a > b : a < b) best = (int32_t)i;
        }
        write_raw(y, k, best);
    }
    return result;
}

static int top(Value **in, Value **out) {
    const Value *x = in[0];
    uint32_t dims[MOST_RANK], size = x->dims[x->rank - 1], k = (uint32_t)integer(in[1]);
    if (k < 1 || k > size || size > 4096) return OP_FAILED;
    memcpy(dims, x->dims, sizeof dims), dims[x->rank - 1] = k;
    int result = shape(out[0], x->rank, dims);
    if (result || (result = shape(out[1], x->rank, dims))) return result;
    for (size_t row = 0, rows = count_of(x->rank - 1, x->dims); row < rows; row++) {
        bool used[4096] = {false};
        for (uint32_t j = 0; j < k; j++) {
            uint32_t best = size;
            for (uint32_t i = 0; i < size; i++) {
                double a = x->type == T_FLOAT32 ? (double)read_real(x, row * size + i) : read_raw(x, row * size + i), b = 0;
                if (best < size) b = x->type == T_FLOAT32 ? (double)read_real(x, row * size + best) : read_raw(x, row * size + best);
                if (!used[i] && (best == size || a >= b)) best = i; /* of equal ones the one that is further on */
            }
            used[best] = true;
            size_t bytes = size_of(x->type);
            memcpy(out[0]->data + (row * k + j) * bytes, x->data + (row * size + best) * bytes, bytes);
            write_raw(out[1], row * k + j, (int32_t)best);
        }
    }
    return NO_ERROR;
}

static int normalized(int32_t code, Value **in, uint32_t n_in, Value *y) {
    const Value *x = in[0];
    int result = like(y, x);
    uint32_t size = x->dims[x->rank - 1];
    if (n_in > (code == 13 ? 5u : code == 11 ? 1u : 2u) && integer(in[n_in - 1]) != -1) return OP_FAILED; /* the last axis alone */
    for (size_t row = 0, rows = count_of(x->rank - 1, x->dims); row < rows && !result; row++) {
        size_t at = row * size;
        double most = -INFINITY, sum = 0, beta = code == 25 || code == 64 ? real(in[1]) : 0;
        for (uint32_t k = 0; k < size; k++) most = fmax(most, read_real(x, at + k));
        for (uint32_t k = 0; k < size; k++) {
            double v = read_real(x, at + k);
            sum += code == 11 ? v * v : exp((v - most) * beta);
        }
        for (uint32_t k = 0; k < size; k++) {
            double v = read_real(x, at + k), near = 0;
            if (code == 13) {
                int32_t radius = integer(in[1]);
                for (int32_t i = (int32_t)k - radius; i <= (int32_t)k + radius; i++)
                    if (i >= 0 && i < (int32_t)size) near += pow(read_real(x, at + (size_t)i), 2);
                v /= pow(real(in[2]) + real(in[3]) * near, real(in[4]));
            } else if (code == 25) v = exp((v - most) * beta) / sum;
            else if (code == 64) v = (v - most) * beta - log(sum);
            else v = sum > 0 ? v / fmax(sqrt(sum), 1e-6) : 0;
            write_real(y, at + k, v);
        }
    }
    return result;
}

int reducing(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    (void)n_out;
    switch (code) {
        case 31: case 75: case 76: case 77: case 78: case 79: case 80: return reduced(code, in, out[0]);
        case 39: case 40: return largest(code, in, out[0]);
        case 90: return top(in, out);
        case 11: case 13: case 25: case 64: return normalized(code, in, n_in, out[0]);
        default: return INCOMPLETE;
    }
}

/* Where a pixel of the result lies in the source, along one dimension. */
static float source(uint32_t k, uint32_t from, uint32_t to, bool corners, bool halves, bool nearest) {
    float scale = corners && to > 1 ? (float)(from - 1) / (float)(to - 1) : (float)from / (float)to;
    if (halves) return nearest ? ((float)k + 0.5f) * scale : ((float)k + 0.5f) * scale - 0.5f;
    return (float)k * scale;
}

int image(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    if (code != 23 && code != 94) return INCOMPLETE;
    (void)n_out;
    const Value *x = in[0];
    bool nearest = code == 94, corners = n_in > 4 && truth(in[4]), halves = n_in > 5 && truth(in[5]);
    if (x->rank != 4 || (n_in > 3 && truth(in[3])) || (corners && halves)) return OP_FAILED;
    uint32_t dims[4] = {x->dims[0], (uint32_t)integer(in[2]), (uint32_t)integer(in[1]), x->dims[3]};
    int result = shape(out[0], 4, dims);
    for (size_t k = 0, n = count_of(4, dims); k < n && !result; k++) {
        uint32_t c = (uint32_t)(k % dims[3]), place[2] = {(uint32_t)(k / dims[3] / dims[2] % dims[1]), (uint32_t)(k / dims[3] % dims[2])};
        size_t batch = k / dims[3] / dims[2] / dims[1];
        int32_t low[2], high[2];
        float part[2];
        for (int i = 0; i < 2; i++) {
            int32_t last = (int32_t)x->dims[1 + i] - 1;
            float at = source(place[i], x->dims[1 + i], dims[1 + i], corners, halves, nearest);
            low[i] = (int32_t)(nearest && corners ? roundf(at) : floorf(at));
            part[i] = at - (float)low[i];
            high[i] = low[i] + 1 > last ? last : low[i] + 1;
            low[i] = low[i] < 0 ? 0 : low[i] > last ? last : low[i];
        }
#define AT(r, q) (((batch * x->dims[1] + (size_t)(r)) * x->dims[2] + (size_t)(q)) * dims[3] + c)
        if (nearest) {
            size_t size = size_of(x->type);
            memcpy(out[0]->data + k * size, x->data + AT(low[0], low[1]) * size, size);
        } else {
            float a = read_real(x, AT(low[0], low[1])), b = read_real(x, AT(low[0], high[1]));
            float d = read_real(x, AT(high[0], low[1])), e = read_real(x, AT(high[0], high[1]));
            write_real(out[0], k, (a * (1 - part[1]) + b * part[1]) * (1 - part[0]) + (d * (1 - part[1]) + e * part[1]) * part[0]);
        }
    }
    return result;
}
