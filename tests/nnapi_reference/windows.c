/* Convolutions, products with weights, and pooling. */
#include <math.h>
#include <string.h>
#include "nn.h"

typedef struct { int32_t left, right, top, bottom, across, down, wide, high; } Window; /* of a kernel `wide` by `high` */

static void implicit(const Value *x, int32_t scheme, int32_t dw, int32_t dh, Window *w) {
    if (scheme == 2) { w->left = w->right = w->top = w->bottom = 0; return; }
    int32_t total[2], size[2] = {(int32_t)x->dims[2], (int32_t)x->dims[1]}, step[2] = {w->across, w->down};
    int32_t reach[2] = {(w->wide - 1) * dw + 1, (w->high - 1) * dh + 1};
    for (int k = 0; k < 2; k++) {
        int32_t out = (size[k] + step[k] - 1) / step[k];
        total[k] = (out - 1) * step[k] + reach[k] - size[k];
        if (total[k] < 0) total[k] = 0;
    }
    w->left = total[0] / 2, w->right = total[0] - w->left, w->top = total[1] / 2, w->bottom = total[1] - w->top;
}

static int places(int32_t size, int32_t before, int32_t after, int32_t reach, int32_t step) {
    return step < 1 || before < 0 || after < 0 ? 0 : (size + before + after - reach) / step + 1;
}

/* Scales of weights and the rescaling of each channel; float32's product for QUANT8, as TFLite has it. */
static void rescaling(const Value *x, const Value *w, const Value *y, uint32_t channel, int32_t *m, int *s) {
    double ws = w->scales ? w->scales[channel] : w->scale;
    double product = x->type == T_QUANT8 ? (double)(x->scale * (float)ws) : (double)x->scale * ws;
    multiplier(product / (double)y->scale, m, s);
}

typedef struct { int32_t fuse, groups, dw, dh, many; Window w; } Slide;

static int read_slide(int32_t code, Value **in, uint32_t n, Slide *s) {
    const Value *x = in[0], *f = in[1];
    bool depthwise = code == 4, grouped = code == 55;
    uint32_t extra = depthwise || grouped ? 1 : 0, implicit_count = 7 + extra;
    bool spread = n == implicit_count + 3 + 3 || (n == implicit_count + 3 && in[implicit_count]->type == BOOL);
    bool explicit_pads = !(n == implicit_count || in[implicit_count]->type == BOOL);
    uint32_t at = 3;
    s->w.wide = (int32_t)f->dims[2], s->w.high = (int32_t)f->dims[1];
    int32_t scheme = 0;
    if (explicit_pads) {
        s->w.left = integer(in[3]), s->w.right = integer(in[4]), s->w.top = integer(in[5]), s->w.bottom = integer(in[6]);
        at = 7;
    } else scheme = integer(in[at++]);
    s->w.across = integer(in[at]), s->w.down = integer(in[at + 1]), at += 2;
    s->many = extra ? integer(in[at++]) : 1;
    s->groups = grouped ? s->many : 1;
    s->fuse = integer(in[at++]);
    s->dw = s->dh = 1;
    if (at < n && truth(in[at])) return OP_FAILED; /* NCHW is not told here */
    if (spread) s->dw = integer(in[at + 1]), s->dh = integer(in[at + 2]);
    if (s->fuse < 0 || s->fuse > 3 || s->w.across < 1 || s->w.down < 1 || s->dw < 1 || s->dh < 1 || s->groups < 1) return BAD_DATA;
    if (!explicit_pads) {
        if (scheme != 1 && scheme != 2) return BAD_DATA;
        implicit(x, scheme, s->dw, s->dh, &s->w);
    }
    return NO_ERROR;
}

static void finish(const Value *x, const Value *f, const Value *bias, Value *y, size_t k, uint32_t c, double sum, int64_t total, int32_t fuse, bool dense) {
    if (x->type == T_FLOAT32) { write_real(y, k, activated((float)(sum + read_real(bias, c)), fuse)); return; }
    int32_t m, low, high, made;
    int s;
    bounds(y, fuse, &low, &high);
    if (dense) made = (int32_t)llround((double)(total + read_raw(bias, c)) * ((double)x->scale * f->scale / y->scale)) + y->zero;
    else rescaling(x, f, y, c, &m, &s), made = rescale((int32_t)(total + read_raw(bias, c)), m, s) + y->zero;
    write_raw(y, k, made < low ? low : made > high ? high : made);
}

static int slide(int32_t code, Value **in, uint32_t n_in, Value *y) {
    const Value *x = in[0], *f = in[1], *bias = in[2];
    bool depthwise = code == 4;
    if (x->rank != 4 || f->rank != 4) return OP_FAILED;
    Slide s;
    int result = read_slide(code, in, n_in, &s);
    if (result) return result;
    uint32_t depth = x->dims[3], channels = depthwise ? f->dims[3] : f->dims[0], share = depth / (uint32_t)s.groups;
    if (depthwise ? f->dims[0] != 1 || channels != depth * (uint32_t)s.many : f->dims[3] != share || channels % (uint32_t)s.groups) return OP_FAILED;
    if (bias->dims[0] != channels) return OP_FAILED;
    int32_t rows = places((int32_t)x->dims[1], s.w.top, s.w.bottom, (s.w.high - 1) * s.dh + 1, s.w.down);
    int32_t columns = places((int32_t)x->dims[2], s.w.left, s.w.right, (s.w.wide - 1) * s.dw + 1, s.w.across);
    if (rows < 1 || columns < 1) return OP_FAILED;
    uint32_t dims[4] = {x->dims[0], (uint32_t)rows, (uint32_t)columns, channels};
    if ((result = shape(y, 4, dims))) return result;
    size_t k = 0;
    for (uint32_t b = 0; b < dims[0]; b++)
        for (int32_t r = 0; r < rows; r++)
            for (int32_t q = 0; q < columns; q++)
                for (uint32_t c = 0; c < channels; c++, k++) {
                    double sum = 0;
                    int64_t total = 0;
                    for (int32_t i = 0; i < s.w.high; i++)
                        for (int32_t j = 0; j < s.w.wide; j++) {
                            int32_t u = r * s.w.down - s.w.top + i * s.dh, v = q * s.w.across - s.w.left + j * s.dw;
                            if (u < 0 || v < 0 || u >= (int32_t)x->dims[1] || v >= (int32_t)x->dims[2]) continue;
                            uint32_t first = depthwise ? c / (uint32_t)s.many : c / (channels / (uint32_t)s.groups) * share;
                            for (uint32_t d = 0; d < (depthwise ? 1 : share); d++) {
                                size_t at = ((b * x->dims[1] + (size_t)u) * x->dims[2] + (size_t)v) * depth + first + d;
                                size_t w = depthwise ? ((size_t)i * f->dims[2] + (size_t)j) * channels + c
                                                     : ((c * f->dims[1] + (size_t)i) * f->dims[2] + (size_t)j) * share + d;
                                if (x->type == T_FLOAT32) sum += (double)read_real(x, at) * read_real(f, w);
                                else total += (int64_t)(read_raw(x, at) - x->zero) * (read_raw(f, w) - f->zero);
                            }
                        }
                    finish(x, f, bias, y, k, c, sum, total, s.fuse, false);
                }
    return NO_ERROR;
}

static int backward(Value **in, uint32_t n_in, Value *y) { /* TRANSPOSE_CONV_2D with explicit padding */
    const Value *x = in[0], *f = in[1], *bias = in[2];
    if (n_in != 11 || x->rank != 4 || f->rank != 4 || truth(in[10])) return OP_FAILED;
    int32_t left = integer(in[3]), right = integer(in[4]), top = integer(in[5]), bottom = integer(in[6]);
    int32_t across = integer(in[7]), down = integer(in[8]), fuse = integer(in[9]);
    if (left < 0 || right < 0 || top < 0 || bottom < 0 || across < 1 || down < 1 || fuse < 0 || fuse > 3) return BAD_DATA;
    int32_t high = ((int32_t)x->dims[1] - 1) * down + (int32_t)f->dims[1] - top - bottom;
    int32_t wide = ((int32_t)x->dims[2] - 1) * across + (int32_t)f->dims[2] - left - right;
    if (high < 1 || wide < 1 || f->dims[3] != x->dims[3] || bias->dims[0] != f->dims[0]) return OP_FAILED;
    uint32_t dims[4] = {x->dims[0], (uint32_t)high, (uint32_t)wide, f->dims[0]};
    int result = shape(y, 4, dims);
    if (result) return result;
    size_t k = 0;
    for (uint32_t b = 0; b < dims[0]; b++)
        for (int32_t r = 0; r < high; r++)
            for (int32_t q = 0; q < wide; q++)
                for (uint32_t c = 0; c < dims[3]; c++, k++) {
                    double sum = 0;
                    int64_t total = 0;
                    for (int32_t i = 0; i < (int32_t)f->dims[1]; i++)
                        for (int32_t j = 0; j < (int32_t)f->dims[2]; j++) {
                            int32_t u = r + top - i, v = q + left - j;
                            if (u < 0 || v < 0 || u % down || v % across) continue;
                            u /= down, v /= across;
                            if (u >= (int32_t)x->dims[1] || v >= (int32_t)x->dims[2]) continue;
                            for (uint32_t d = 0; d < x->dims[3]; d++) {
                                size_t at = ((b * x->dims[1] + (size_t)u) * x->dims[2] + (size_t)v) * x->dims[3] + d;
                                size_t w = ((c * f->dims[1] + (size_t)i) * f->dims[2] + (size_t)j) * x->dims[3] + d;
                                if (x->type == T_FLOAT32) sum += (double)read_real(x, at) * read_real(f, w);
                                else total += (int64_t)(read_raw(x, at) - x->zero) * (read_raw(f, w) - f->zero);
                            }
                        }
                    finish(x, f, bias, y, k, c, sum, total, fuse, false);
                }
    return NO_ERROR;
}

static int dense(Value **in, Value *y) {
    const Value *x = in[0], *f = in[1], *bias = in[2];
    size_t size = count_of(x->rank, x->dims);
    if (x->rank < 2 || f->rank != 2 || size % f->dims[1] || bias->dims[0] != f->dims[0]) return OP_FAILED;
    uint32_t dims[2] = {(uint32_t)(size / f->dims[1]), f->dims[0]};
    int result = shape(y, 2, dims), fuse = integer(in[3]);
    if (result) return result;
    for (uint32_t r = 0; r < dims[0]; r++)
        for (uint32_t c = 0; c < dims[1]; c++) {
            double sum = 0;
            int64_t total = 0;
            for (uint32_t d = 0; d < f->dims[1]; d++) {
                size_t at = (size_t)r * f->dims[1] + d, w = (size_t)c * f->dims[1] + d;
                if (x->type == T_FLOAT32) sum += (double)read_real(x, at) * read_real(f, w);
                else total += (int64_t)(read_raw(x, at) - x->zero) * (read_raw(f, w) - f->zero);
            }
            finish(x, f, bias, y, (size_t)r * dims[1] + c, c, sum, total, fuse, true);
        }
    return NO_ERROR;
}

static int matrices(Value **in, Value *z) {
    const Value *x = in[0], *y = in[1];
    if (x->rank != y->rank || x->rank < 2 || (x->type != T_FLOAT32 && x->type != T_SIGNED)) return OP_FAILED;
    uint32_t r = x->rank, dims[MOST_RANK];
    bool tx = truth(in[2]), ty = truth(in[3]);
    size_t batch = count_of(r - 2, x->dims);
    if (batch != count_of(r - 2, y->dims)) return OP_FAILED;
    uint32_t rows = x->dims[tx ? r - 1 : r - 2], inner = x->dims[tx ? r - 2 : r - 1], columns = y->dims[ty ? r - 2 : r - 1];
    if (inner != y->dims[ty ? r - 1 : r - 2]) return OP_FAILED;
    memcpy(dims, x->dims, sizeof dims), dims[r - 2] = rows, dims[r - 1] = columns;
    int result = shape(z, r, dims), s = 0;
    if (result) return result;
    bool bytes = x->type == T_SIGNED;
    int32_t m = 0;
    if (bytes) multiplier((double)(x->scale * y->scale) / (double)z->scale, &m, &s);
    for (size_t b = 0; b < batch; b++)
        for (uint32_t i = 0; i < rows; i++)
            for (uint32_t j = 0; j < columns; j++) {
                double sum = 0;
                int32_t total = 0;
                for (uint32_t d = 0; d < inner; d++) {
                    size_t at = b * rows * inner + (tx ? (size_t)d * rows + i : (size_t)i * inner + d);
                    size_t w = b * columns * inner + (ty ? (size_t)j * inner + d : (size_t)d * columns + j);
                    if (bytes) total += (read_raw(x, at) - x->zero) * (read_raw(y, w) - y->zero);
                    else sum += (double)read_real(x, at) * read_real(y, w);
                }
                size_t k = (b * rows + i) * columns + j;
                if (bytes) write_raw(z, k, clamp(rescale(total, m, s) + z->zero, -128, 127));
                else write_real(z, k, sum);
            }
    return NO_ERROR;
}

int convolution(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    (void)n_out;
    switch (code) {
        case 3: case 4: case 55: return slide(code, in, n_in, out[0]);
        case 91: return backward(in, n_in, out[0]);
        case 9: return dense(in, out[0]);
        case 102: return matrices(in, out[0]);
        default: return INCOMPLETE;
    }
}

static double pooled(int32_t code, const Value *x, double sum, int32_t most, int32_t count, bool bytes) {
    if (!bytes) return code == 17 ? sum : code == 1 ? sum / count : sqrt(sum / count);
    if (code == 17) return most;
    int32_t total = (int32_t)sum, half = count / 2;
    return x->type == T_QUANT8 || total > 0 ? (total + half) / count : (total - half) / count;
}

int pooling(int32_t code, Value **in, uint32_t n_in, Value **out, uint32_t n_out) {
    if (code != 1 && code != 12 && code != 17) return INCOMPLETE;
    (void)n_out;
    const Value *x = in[0];
    bool explicit_pads = n_in >= 10, bytes = x->type != T_FLOAT32;
    uint32_t at = explicit_pads ? 5 : 2;
    Window w = {.across = integer(in[at]), .down = integer(in[at + 1]), .wide = integer(in[at + 2]), .high = integer(in[at + 3])};
    int32_t fuse = integer(in[at + 4]), low, high;
    if (x->rank != 4 || w.across < 1 || w.down < 1 || w.wide < 1 || w.high < 1 || fuse < 0 || fuse > 3) return BAD_DATA;
    if (explicit_pads) w.left = integer(in[1]), w.right = integer(in[2]), w.top = integer(in[3]), w.bottom = integer(in[4]);
    else implicit(x, integer(in[1]), 1, 1, &w);
    int32_t rows = places((int32_t)x->dims[1], w.top, w.bottom, w.high, w.down);
    int32_t columns = places((int32_t)x->dims[2], w.left, w.right, w.wide, w.across);
    if (rows < 1 || columns < 1) return OP_FAILED;
    uint32_t dims[4] = {x->dims[0], (uint32_t)rows, (uint32_t)columns, x->dims[3]};
    int result = shape(out[0], 4, dims);
    if (result) return result;
    bounds(out[0], bytes ? fuse : 0, &low, &high);
    size_t k = 0;
    for (uint32_t b = 0; b < dims[0]; b++)
        for (int32_t r = 0; r < rows; r++)
            for (int32_t q = 0; q < columns; q++)
                for (uint32_t c = 0; c < dims[3]; c++, k++) {
                    double sum = code == 17 && !bytes ? -INFINITY : 0;
                    int32_t most = INT32_MIN, count = 0;
                    for (int32_t u = r * w.down - w.top; u < r * w.down - w.top + w.high; u++)
                        for (int32_t v = q * w.across - w.left; v < q * w.across - w.left + w.wide; v++) {
                            if (u < 0 || v < 0 || u >= (int32_t)x->dims[1] || v >= (int32_t)x->dims[2]) continue;
                            size_t i = ((b * x->dims[1] + (size_t)u) * x->dims[2] + (size_t)v) * x->dims[3] + c;
                            double value = bytes ? read_raw(x, i) : read_real(x, i);
                            sum = code == 17 && !bytes ? fmax(sum, value) : sum + (code == 12 ? value * value : value);
                            if (bytes && read_raw(x, i) > most) most = read_raw(x, i);
                            count++;
                        }
                    if (!count) return OP_FAILED;
                    double made = pooled(code, x, sum, most, count, bytes);
                    if (bytes) write_raw(out[0], k, made < low ? low : made > high ? high : (int32_t)made);
                    else write_real(out[0], k, activated((float)made, fuse));
                }
    return NO_ERROR;
}
