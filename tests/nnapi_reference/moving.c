/* Operations that move elements as they are: for each element of a result, where it comes from. */
#include <math.h>
#include <string.h>
#include "nn.h"

static void copy(Value *to, size_t k, const Value *from, size_t i) {
    size_t size = size_of(to->type);
    memcpy(to->data + k * size, from->data + i * size, size);
}

static void places(size_t k, uint32_t rank, const uint32_t *dims, uint32_t *at) {
    for (uint32_t i = rank; i-- > 0; k /= dims[i]) at[i] = (uint32_t)(k % dims[i]);
}

static size_t flat(uint32_t rank, const uint32_t *dims, const uint32_t *at) {
    size_t k = 0;
    for (uint32_t i = 0; i < rank; i++) k = k * dims[i] + at[i];
    return k;
}

static int32_t number(const Value *v, size_t k) { return read_raw(v, k); }

static int renamed(Value **in, Value *y, uint32_t rank, const uint32_t *dims) {
    if (count_of(rank, dims) != count_of(in[0]->rank, in[0]->dims)) return OP_FAILED;
    int result = shape(y, rank, dims);
    if (result == NO_ERROR) memcpy(y->data, in[0]->data, count_of(rank, dims) * size_of(y->type));
    return result;
}

static int reshape(Value **in, Value *y) {
    size_t rest = 1, total = count_of(in[0]->rank, in[0]->dims);
    uint32_t dims[MOST_RANK], rank = in[1]->dims[0], open = MOST_RANK;
    if (in[1]->rank != 1 || rank > MOST_RANK) return OP_FAILED;
    for (uint32_t k = 0; k < rank; k++) {
        int32_t size = number(in[1], k);
        if (size == -1 && open == MOST_RANK) open = k;
        else if (size < 1) return OP_FAILED;
        else rest *= dims[k] = (uint32_t)size;
    }
    if (open < MOST_RANK) dims[open] = (uint32_t)(total / rest);
    return renamed(in, y, rank, dims);
}

static int squeeze(Value **in, Value *y) {
    uint32_t dims[MOST_RANK], rank = 0;
    for (uint32_t k = 0; k < in[0]->rank; k++) {
        bool gone = false;
        for (uint32_t i = 0; i < in[1]->dims[0]; i++) gone |= number(in[1], i) == (int32_t)k;
        if (gone && in[0]->dims[k] != 1) return OP_FAILED;
        if (!gone) dims[rank++] = in[0]->dims[k];
    }
    return renamed(in, y, rank, dims);
}

static int expand(Value **in, Value *y) {
    uint32_t dims[MOST_RANK], rank = in[0]->rank;
    int32_t axis = integer(in[1]);
    if (axis < 0) axis += (int32_t)rank + 1;
    if (axis < 0 || axis > (int32_t)rank) return OP_FAILED;
    for (uint32_t k = 0; k <= rank; k++) dims[k] = k == (uint32_t)axis ? 1 : in[0]->dims[k - (k > (uint32_t)axis)];
    return renamed(in, y, rank + 1, dims);
}

static int transpose(Value **in, Value *y) {
    const Value *x = in[0];
    uint32_t dims[MOST_RANK], at[MOST_RANK], from[MOST_RANK];
    if (in[1]->dims[0] != x->rank) return OP_FAILED;
    for (uint32_t k = 0; k < x->rank; k++) dims[k] = x->dims[number(in[1], k)];
    int result = shape(y, x->rank, dims);
    for (size_t k = 0, n = count_of(x->rank, dims); k < n && !result; k++) {
        places(k, x->rank, dims, at);
        for (uint32_t i = 0; i < x->rank; i++) from[number(in[1], i)] = at[i];
        copy(y, k, x, flat(x->rank, x->dims, from));
    }
    return result;
}

/* A slice: at `begin` in steps of `stride`, `size` of them; dimensions whose bit is set are taken away. */
static int sliced(const Value *x, Value *y, const int32_t *begin, const int32_t *stride, const uint32_t *size, uint32_t gone) {
    uint32_t dims[MOST_RANK], rank = 0, at[MOST_RANK], from[MOST_RANK];
    for (uint32_t k = 0; k < x->rank; k++) {
        int64_t last = begin[k] + (int64_t)stride[k] * (size[k] - 1ll);
        if (size[k] < 1 || begin[k] < 0 || begin[k] >= (int64_t)x->dims[k] || last < 0 || last >= (int64_t)x->dims[k]) return OP_FAILED;
        if (!(gone >> k & 1)) dims[rank++] = size[k];
    }
    int result = shape(y, rank, dims);
    for (size_t k = 0, n = count_of(x->rank, size); k < n && !result; k++) {
        places(k, x->rank, size, at);
        for (uint32_t i = 0; i < x->rank; i++) from[i] = (uint32_t)(begin[i] + stride[i] * (int32_t)at[i]);
        copy(y, k, x, flat(x->rank, x->dims, from));
    }
    return result;
}

static int slice(Value **in, Value *y) {
    int32_t begin[MOST_RANK], stride[MOST_RANK];
    uint32_t size[MOST_RANK];
    if (in[1]->dims[0] != in[0]->rank || in[2]->dims[0] != in[0]->rank) return OP_FAILED;
    for (uint32_t k = 0; k < in[0]->rank; k++) {
        begin[k] = number(in[1], k), stride[k] = 1;
        size[k] = number(in[2], k) == -1 ? in[0]->dims[k] - (uint32_t)begin[k] : (uint32_t)number(in[2], k);
    }
    return sliced(in[0], y, begin, stride, size, 0);
}

static int strided(Value **in, Value *y) {
    int32_t begin[MOST_RANK], stride[MOST_RANK], begin_mask = integer(in[4]), end_mask = integer(in[5]), gone = integer(in[6]);
    uint32_t size[MOST_RANK];
    for (uint32_t k = 0; k < in[0]->rank; k++) {
        int32_t n = (int32_t)in[0]->dims[k], b = number(in[1], k), e = number(in[2], k), s = number(in[3], k);
        if (s == 0 || (s < 0 && gone >> k & 1)) return OP_FAILED;
        b = begin_mask >> k & 1 ? (s > 0 ? 0 : n - 1) : b < 0 ? b + n : b;
        e = end_mask >> k & 1 ? (s > 0 ? n : -1) : e < 0 ? e + n : e;
        int32_t count = s > 0 ? (e - b + s - 1) / s : (b - e - s - 1) / -s;
        if (count < 1 || (gone >> k & 1 && count != 1)) return OP_FAILED;
        begin[k] = b, stride[k] = s, size[k] = (uint32_t)count;
    }
    return sliced(in[0], y, begin, stride, size, (uint32_t)gone);
}

static int padded(int32_t code, Value **in, Value *y) {
    const Value *x = in[0], *pads = in[1];
    uint32_t dims[MOST_RANK], at[MOST_RANK], from[MOST_RANK];
    if (pads->rank != 2 || pads->dims[0] != x->rank || pads->dims[1] != 2) return OP_FAILED;
    for (uint32_t k = 0; k < x->rank; k++) {
        if (number(pads, 2 * k) < 0 || number(pads, 2 * k + 1) < 0) return OP_FAILED;
        dims[k] = x->dims[k] + (uint32_t)(number(pads, 2 * k) + number(pads, 2 * k + 1));
    }
    int result = shape(y, x->rank, dims), mirror = code == 104 ? 1 - integer(in[2]) : 0;
    for (size_t k = 0, n = count_of(x->rank, dims); k < n && !result; k++) {
        bool outside = false;
        places(k, x->rank, dims, at);
        for (uint32_t i = 0; i < x->rank; i++) {
            int32_t p = (int32_t)at[i] - number(pads, 2 * i), size = (int32_t)x->dims[i];
            outside |= p < 0 || p >= size;
            if (code == 104) p = p < 0 ? -p - 1 + mirror : p >= size ? 2 * size - 1 - mirror - p : p;
            if (code == 104 && (p < 0 || p >= size)) return OP_FAILED;
            from[i] = (uint32_t)p;
        }
        if (!outside || code == 104) copy(y, k, x, flat(x->rank, x->dims, from));
        else if (code == 69 && x->type == T_FLOAT32) write_real(y, k, real(in[2]));
        else write_raw(y, k, code == 69 ? integer(in[2]) : x->type == T_FLOAT32 ? 0 : x->zero);
    }
    return result;
}

static int tiled(Value **in, Value *y) {
    const Value *x = in[0];
    uint32_t dims[MOST_RANK], at[MOST_RANK];
    if (in[1]->dims[0] != x->rank) return OP_FAILED;
    for (uint32_t k = 0; k < x->rank; k++) dims[k] = x->dims[k] * (uint32_t)number(in[1], k);
    int result = shape(y, x->rank, dims);
    for (size_t k = 0, n = count_of(x->rank, dims); k < n && !result; k++) {
        places(k, x->rank, dims, at);
        for (uint32_t i = 0; i < x->rank; i++) at[i] %= x->dims[i];
        copy(y, k, x, flat(x->rank, x->dims, at));
    }
    return result;
}

static int gathered(const Value *x, int32_t axis, const Value *chosen, Value *y) {
    if (axis < 0) axis += (int32_t)x->rank;
    uint32_t dims[MOST_RANK], rank = 0;
    if (axis < 0 || axis >= (int32_t)x->rank || x->rank + chosen->rank - 1 > MOST_RANK) return OP_FAILED;
    for (int32_t k = 0; k < axis; k++) dims[rank++] = x->dims[k];
    for (uint32_t k = 0; k < chosen->rank; k++) dims[rank++] = chosen->dims[k];
    for (uint32_t k = (uint32_t)axis + 1; k < x->rank; k++) dims[rank++] = x->dims[k];
    int result = shape(y, rank, dims);
    size_t outer = count_of((uint32_t)axis, x->dims), n = count_of(chosen->rank, chosen->dims);
    size_t inner = count_of(x->rank - (uint32_t)axis - 1, x->dims + axis + 1);
    for (size_t o = 0; o < outer && !result; o++)
        for (size_t c = 0; c < n; c++) {
            int32_t at = number(chosen, c);
            if (at < 0 || at >= (int32_t)x->dims[axis]) return OP_FAILED;
            for (size_t i = 0; i < inner; i++) copy(y, (o * n + c) * inner + i, x, (o * x->dims[axis] + (size_t)at) * inner + i);
        }
    return result;
}

static int looked_up(Value **in, Value **out) { /* HASHTABLE_LOOKUP */
    const Value *wanted = in[0], *keys = in[1], *table = in[2];
    uint32_t dims[MOST_RANK];
    memcpy(dims, table->dims, sizeof dims), dims[0] = wanted->dims[0];
    int result = shape(out[0], table->rank, dims);
    if (result || (result = like(out[1], wanted))) return result;
    size_t inner = count_of(table->rank - 1, table->dims + 1);
    for (uint32_t k = 0; k < dims[0]; k++)
        for (uint32_t i = 0; i < keys->dims[0]; i++)
            if (number(keys, i) == number(wanted, k)) {
                for (size_t j = 0; j < inner; j++) copy(out[0], k * inner + j, table, i * inner + j);
                write_raw(out[1], k, 1);
            }
    return NO_ERROR;
}

static int reversed(Value **in, Value *y) {
    const Value *x = in[0];
    int32_t axis = integer(in[1]);
    uint32_t at[MOST_RANK];
    int result = like(y, x);
    for (size_t k = 0, n = count_of(x->rank, x->dims); k < n && !result; k++) {
        places(k, x->rank, x->dims, at);
        at[axis] = x->dims[axis] - 1 - at[axis];
        copy(y, k, x, flat(x->rank, x->dims, at));
    }
    return result;
}

static int depth_or_space(int32_t code, Value **in, Value *y) {
    const Value *x = in[0];
    uint32_t b = (uint32_t)integer(in[1]), *d = (uint32_t *)x->dims, at[4];
    if (x->rank != 4 || b < 1 || (code == 26 ? d[1] % b || d[2] % b : d[3] % (b * b))) return OP_FAILED;
    uint32_t to[4] = {d[0], d[1] / b, d[2] / b, d[3] * b * b}, from[4] = {d[0], d[1] * b, d[2] * b, d[3] / (b * b)};
    const uint32_t *dims = code == 26 ? to : from;
    int result = shape(y, 4, dims);
    for (size_t k = 0, n = count_of(4, dims); k < n && !result; k++) {
        places(k, 4, dims, at);
        uint32_t deep[4] = {at[0], at[1] / b, at[2] / b, (at[1] % b * b + at[2] % b) * dims[3] + at[3]};
        uint32_t part = at[3] / d[3], wide[4] = {at[0], at[1] * b + part / b, at[2] * b + part % b, at[3] % d[3]};
        copy(y, k, x, flat(4, d, code == 26 ? wide : deep));
    }
    return result;
}

static int batch_or_space(int32_t code, Value **in, Value *y) {
    const Value *x = in[0];
    uint32_t h = (uint32_t)number(in[1], 0), w = (uint32_t)number(in[1], 1), at[4], *d = (uint32_t *)x->dims;
    int32_t top = code == 33 ? number(in[2], 0) : 0, left = code == 33 ? number(in[2], 2) : 0;
    uint32_t high = d[1] + (code == 33 ? (uint32_t)(top + number(in[2], 1)) : 0), wide = d[2] + (code == 33 ? (uint32_t)(left + number(in[2], 3)) : 0);
    if (x->rank != 4 || h < 1 || w < 1 || (code == 33 ? high % h || wide % w : d[0] % (h * w))) return OP_FAILED;
    uint32_t to[4] = {d[0] * h * w, high / h, wide / w, d[3]}, from[4] = {d[0] / (h * w), d[1] * h, d[2] * w, d[3]};
    const uint32_t *dims = code == 33 ? to : from;
    int result = shape(y, 4, dims);
    for (size_t k = 0, n = count_of(4, dims); k < n && !result; k++) {
        places(k, 4, dims, at);
        if (code == 29) {
            uint32_t place[4] = {(at[1] % h * w + at[2] % w) * dims[0] + at[0], at[1] / h, at[2] / w, at[3]};
            copy(y, k, x, flat(4, d, place));
            continue;
        }
        uint32_t part = at[0] / d[0];
        int32_t u = (int32_t)(at[1] * h + part / w) - top, v = (int32_t)(at[2] * w + part % w) - left;
        uint32_t place[4] = {at[0] % d[0], (uint32_t)u, (uint32_t)v, at[3]};
        if (u >= 0 && v >= 0 && u < (int32_t)d[1] && v < (int32_t)d[2]) copy(y, k, x, flat(4, d, place));
        else write_raw(y, k, x->type == T_FLOAT32 ? 0 : x->zero);
    }
    return result;
}

static int32_t requantized(const Value *x, const Value *y, int32_t q) {
    float scale = x->scale * (1.0f / y->scale), bias = (float)-x->zero * scale;
    int32_t made = (int32_t)roundf((float)q * scale + bias) + y->zero, low = y->type == T_SIGNED ? -128 : 0;
    return made < low ? low : made > low + 255 ? low + 255 : made;
}

static int concatenated(Value **in, uint32_t count, uint32_t axis, Value *y, uint32_t rank, const uint32_t *dims) {
    int result = shape(y, rank, dims);
    size_t outer = count_of(axis, dims), row = count_of(rank - axis, dims + axis), before = 0;
    for (uint32_t k = 0; k < count && !result; k++) {
        size_t inner = count_of(in[k]->rank, in[k]->dims) / outer;
        bool same = in[k]->scale == y->scale && in[k]->zero == y->zero;
        for (size_t o = 0; o < outer; o++)
            for (size_t i = 0; i < inner; i++) {
                if (same) copy(y, o * row + before + i, in[k], o * inner + i);
                else write_raw(y, o * row + before + i, requantized(in[k], y, read_raw(in[k], o * inner + i)));
            }
        before += inner;
    }
    return result;
}

static int joined(int32_t code, Value **in, uint32_t n_in, Value *y) {
    uint32_t dims[MOST_RANK], rank = in[1]->rank;
    int32_t axis = integer(in[code == 103 ? 0 : n_in - 1]);
    if (code == 103) {
        if (axis < 0 || axis > (int32_t)rank || rank + 1 > MOST_RANK) return OP_FAILED;
        for (uint32_t k = 0; k <= rank; k++) dims[k] = k == (uint32_t)axis ? n_in - 1 : in[1]->dims[k - (k > (uint32_t)axis)];
        return concatenated(in + 1, n_in - 1, (uint32_t)axis, y, rank + 1, dims);
    }
    rank = in[0]->rank;
    if (axis < 0 || axis >= (int32_t)rank) return OP_FAILED;
    memcpy(dims, in[0]->dims, sizeof dims), dims[axis] = 0;
    for (uint32_t k = 0; k + 1 < n_in; k++) {
        for (uint32_t i = 0; i < rank; i++)
            if (in[k]->rank != rank || (i != (uint32_t)axis && in[k]->dims[i] != dims[i])) return OP_FAILED;
        dims[axis] += in[k]->dims[axis];
    }
    return concatenated(in, n_in - 1, (uint32_t)axis, y, rank, dims);
}

static int split(Value **in, Value **out, uint32_t n_out) {
    int32_t axis = integer(in[1]), begin[MOST_RANK] = {0}, stride[MOST_RANK];
    uint32_t size[MOST_RANK];
    if (axis < 0 || axis >= (int32_t)in[0]->rank || integer(in[2]) != (int32_t)n_out || in[0]->dims[axis] % n_out) return OP_FAILED;
    memcpy(size, in[0]->dims, sizeof size), size[axis] /= n_out;
    for (int k = 0; k < MOST_RANK; k++) stride[k] = 1;
    for (uint32_t k = 0; k < n_out; k++) {
        begin[axis] = (int32_t)(k * size[axis]);
        int result = sliced(in[0], out[k], begin, stride, size, 0);
        if (result) return result;
    }
    return NO_ERROR;
}

static int selected(Value **in, Value *y) {
    size_t n = count_of(in[0]->rank, in[0]->dims);
    if (count_of(in[1]->rank, in[1]->dims) != n || count_of(in[2]->rank, in[2]->dims) != n) return OP_FAILED;
    int result = like(y, in[1]);
    for (size_t k = 0; k < n && !result; k++) copy(y, k, in[in[0]->data[k] ? 1 : 2], k);
    return result;
}

static int filled(Value **in, Value *y) {
    uint32_t dims[MOST_RANK], rank = in[0]->dims[0];
    if (rank > MOST_RANK) return OP_FAILED;
    for (uint32_t k = 0; k < rank; k++)
        if ((dims[k] = (uint32_t)number(in[0], k)) == 0) return OP_FAILED;
    int result = shape(y, rank, dims);
    for (size_t k = 0, n = count_of(rank, dims); k < n && !result; k++) copy(y, k, in[1], 0);
    return result;
}

int moving(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    switch (code) {
        case 22: return reshape(in, out[0]);
        case 34: return squeeze(in, out[0]);
        case 50: return expand(in, out[0]);
        case 37: return transpose(in, out[0]);
        case 86: return slice(in, out[0]);
        case 35: return strided(in, out[0]);
        case 32: case 69: case 104: return padded(code, in, out[0]);
        case 89: return tiled(in, out[0]);
        case 51: return gathered(in[0], integer(in[1]), in[2], out[0]);
        case 7: return gathered(in[1], 0, in[0], out[0]);
        case 10: return looked_up(in, out);
        case 105: return reversed(in, out[0]);
        case 5: case 26: return depth_or_space(code, in, out[0]);
        case 29: case 33: return batch_or_space(code, in, out[0]);
        case 2: case 103: return joined(code, in, n_in, out[0]);
        case 87: return split(in, out, n_out);
        case 84: return selected(in, out[0]);
        case 100: return filled(in, out[0]);
        default: return INCOMPLETE;
    }
}
