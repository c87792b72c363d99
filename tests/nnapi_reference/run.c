/* Runs a model: values by operand, one operation after another. */
#include <stdlib.h>
#include <string.h>
#include "nn.h"

int shape(Value *out, uint32_t rank, const uint32_t *dims) {
    static const uint32_t one[1] = {1};
    if (rank == 0) rank = 1, dims = one; /* what would be a scalar has one dimension */
    if (out->operand->rank && out->operand->rank != rank) return OP_FAILED;
    for (uint32_t k = 0; k < rank && out->operand->rank; k++)
        if (out->operand->dims[k] && out->operand->dims[k] != dims[k]) return OP_FAILED;
    out->rank = rank;
    memcpy(out->dims, dims, rank * sizeof *dims);
    out->data = calloc(count_of(rank, dims) + 1, size_of(out->type));
    out->owned = true;
    return NO_ERROR;
}

int like(Value *out, const Value *in) { return shape(out, in->rank, in->dims); }

int32_t integer(const Value *v) { int32_t x; memcpy(&x, v->data, sizeof x); return x; }
float real(const Value *v) { float x; memcpy(&x, v->data, sizeof x); return x; }
bool truth(const Value *v) { return v->data[0] != 0; }

int32_t read_raw(const Value *v, size_t k) {
    switch (v->type) {
        case T_QUANT8: case T_BOOL8: return v->data[k];
        case T_SIGNED: case T_CHANNELS: case T_QUANT8_SYMM: return ((int8_t *)v->data)[k];
        case T_QUANT16: { int16_t x; memcpy(&x, v->data + 2 * k, 2); return x; }
        default: { int32_t x; memcpy(&x, v->data + 4 * k, 4); return x; }
    }
}

void write_raw(Value *v, size_t k, int32_t x) {
    int16_t half = (int16_t)x;
    if (size_of(v->type) == 1) v->data[k] = (uint8_t)x;
    else if (size_of(v->type) == 2) memcpy(v->data + 2 * k, &half, 2);
    else memcpy(v->data + 4 * k, &x, 4);
}

float read_real(const Value *v, size_t k) {
    if (v->type == T_FLOAT32) { float x; memcpy(&x, v->data + 4 * k, 4); return x; }
    int32_t raw = read_raw(v, k);
    return v->scale > 0 ? v->scale * (float)(raw - v->zero) : (float)raw;
}

void write_real(Value *v, size_t k, double x) {
    if (v->type == T_FLOAT32) { float y = (float)x; memcpy(v->data + 4 * k, &y, 4); return; }
    int32_t low = v->type == T_SIGNED ? -128 : 0, high = low + 255;
    double scaled = x / v->scale;
    int32_t q = scaled > 1e6 ? high : !(scaled > -1e6) ? low : (int32_t)(scaled + (scaled < 0 ? -0.5 : 0.5)) + v->zero;
    write_raw(v, k, q < low ? low : q > high ? high : q);
}

float activated(float x, int32_t fuse) {
    static const float low[] = {0, 0, -1, 0}, high[] = {0, 3.4e38f, 1, 6};
    return !fuse ? x : x < low[fuse] ? low[fuse] : x > high[fuse] ? high[fuse] : x;
}

static int run_floats(const Operation *o, Value **in, Value **out) {
    Kernel *kernels[] = {arithmetic, elementwise, convolution, pooling, moving, reducing, image, recurrent, whole_lstm};
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        int result = kernels[k](o->code, in, o->n_in, out, o->n_out);
        if (result != INCOMPLETE) return result; /* INCOMPLETE: not one of these */
    }
    return OP_FAILED;
}

static int run(const Operation *o, Value **in, Value **out) {
    if (!has_halves(in, o->n_in) && !has_halves(out, o->n_out)) return run_floats(o, in, out);
    Value *read[256], *made[256], *wide_in = widen(in, o->n_in, read), *wide_out = widen(out, o->n_out, made);
    int result = run_floats(o, read, made);
    if (result == NO_ERROR) narrow(out, o->n_out, wide_out);
    free_wide(in, o->n_in, wide_in), free_wide(out, o->n_out, wide_out);
    return result;
}

static void given(const Model *model, const Execution *execution, Value *values) {
    for (uint32_t k = 0; k < model->n_operands; k++) {
        const Operand *o = &model->operands[k];
        Value v = {.type = o->type, .rank = o->rank, .scale = o->scale, .zero = o->zero, .channel = o->channel,
                   .scales = o->scales, .data = (uint8_t *)o->value, .operand = o, .omitted = o->origin == OMITTED};
        memcpy(v.dims, o->dims, sizeof v.dims);
        values[k] = v;
    }
    for (uint32_t k = 0; k < model->n_inputs; k++) values[model->inputs[k]].data = execution->inputs[k].bytes;
}

int compute(const Model *model, Execution *execution) {
    Value *values = calloc(model->n_operands + 1, sizeof *values), *in[256], *out[256];
    given(model, execution, values);
    int result = NO_ERROR;
    for (uint32_t k = 0; k < model->n_operations && result == NO_ERROR; k++) {
        const Operation *o = &model->operations[k];
        if (o->n_in > 256 || o->n_out > 256) { result = OP_FAILED; break; }
        for (uint32_t i = 0; i < o->n_in; i++) in[i] = &values[o->in[i]];
        for (uint32_t i = 0; i < o->n_out; i++) out[i] = &values[o->out[i]];
        result = run(o, in, out);
    }
    for (uint32_t k = 0; k < model->n_outputs && result == NO_ERROR; k++) {
        Value *v = &values[model->outputs[k]];
        size_t size = count_of(v->rank, v->dims) * size_of(v->type);
        execution->ranks[k] = v->rank, memcpy(execution->dims[k], v->dims, sizeof v->dims);
        execution->small[k] = size > execution->outputs[k].length;
    }
    for (uint32_t k = 0; k < model->n_outputs && result == NO_ERROR; k++)
        if (execution->small[k]) result = OUTPUT_INSUFFICIENT_SIZE;
    for (uint32_t k = 0; k < model->n_outputs && result == NO_ERROR; k++) {
        Value *v = &values[model->outputs[k]];
        memcpy(execution->outputs[k].bytes, v->data, count_of(v->rank, v->dims) * size_of(v->type));
    }
    for (uint32_t k = 0; k < model->n_operands; k++)
        if (values[k].owned) free(values[k].data);
    free(values);
    return result;
}
