/* Memory and models, by the states that NeuralNetworks.h gives them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "nn.h"

#define COPIED 128 /* bytes up to which a value is copied; a longer one has to stay as it is until the model is freed */
#define USE(object, kind) do { int c_ = check(object, kind, __func__ + 15); if (c_) return c_; } while (0)

int ANeuralNetworksMemory_createFromFd(size_t size, int protect, int fd, size_t offset, Memory **memory) {
    if (memory == NULL) return UNEXPECTED_NULL;
    *memory = NULL;
    int asked = failing("Memory_createFromFd");
    if (asked) return asked;
    struct stat about;
    if (size == 0 || fstat(fd, &about) || (size_t)about.st_size < offset + size) return BAD_DATA;
    uint8_t *bytes = mmap(NULL, size, protect, MAP_SHARED, fd, (off_t)offset); /* keeps the file by itself */
    if (bytes == MAP_FAILED) return UNMAPPABLE;
    *memory = new_object(MEMORY, sizeof **memory);
    (*memory)->size = size, (*memory)->bytes = bytes;
    return NO_ERROR;
}

void ANeuralNetworksMemory_free(Memory *memory) {
    if (release(memory, MEMORY, "Memory_free") == NO_ERROR) munmap(memory->bytes, memory->size);
}

int ANeuralNetworksModel_create(Model **model) {
    if (model == NULL) return UNEXPECTED_NULL;
    *model = NULL;
    int asked = failing("Model_create");
    if (asked) return asked;
    *model = new_object(MODEL, sizeof **model);
    return NO_ERROR;
}

void ANeuralNetworksModel_free(Model *model) {
    if (release(model, MODEL, "Model_free") != NO_ERROR) return;
    for (uint32_t k = 0; k < model->n_operands; k++) {
        if (model->operands[k].memory) model->operands[k].memory->base.users--;
        free(model->operands[k].copy), free(model->operands[k].scales);
    }
    for (uint32_t k = 0; k < model->n_operations; k++) free(model->operations[k].in), free(model->operations[k].out);
    free(model->operands), free(model->operations), free(model->inputs), free(model->outputs);
}

static int check_type(const OperandType *type) {
    if (type->type < 0 || type->type >= TYPES) return BAD_DATA;
    if ((type->dimensionCount == 0) != (type->dimensions == NULL)) return BAD_DATA;
    if (type->dimensionCount > MOST_RANK || !isfinite(type->scale) || type->scale < 0) return BAD_DATA;
    if (is_scalar(type->type) && type->dimensionCount) return BAD_DATA;
    switch (type->type) {
        case T_QUANT8: return type->scale > 0 && type->zeroPoint >= 0 && type->zeroPoint <= 255 ? NO_ERROR : BAD_DATA;
        case T_SIGNED: return type->scale > 0 && type->zeroPoint >= -128 && type->zeroPoint <= 127 ? NO_ERROR : BAD_DATA;
        case T_QUANT16: case T_QUANT8_SYMM: return type->scale > 0 && type->zeroPoint == 0 ? NO_ERROR : BAD_DATA;
        case T_INT32: return type->zeroPoint == 0 ? NO_ERROR : BAD_DATA;
        default: return type->scale == 0 && type->zeroPoint == 0 ? NO_ERROR : BAD_DATA;
    }
}

int ANeuralNetworksModel_addOperand(Model *model, const OperandType *type) {
    USE(model, MODEL);
    if (type == NULL) return UNEXPECTED_NULL;
    if (model->finished) return BAD_STATE;
    if (check_type(type)) return BAD_DATA;
    if (LEVEL < 29 && type->type > T_QUANT8) return BAD_DATA;
    if (LEVEL < 30 && type->type == T_SIGNED) return BAD_DATA;
    model->operands = realloc(model->operands, (model->n_operands + 1) * sizeof *model->operands);
    Operand *made = memset(&model->operands[model->n_operands++], 0, sizeof *made);
    made->type = type->type, made->rank = type->dimensionCount, made->scale = type->scale, made->zero = type->zeroPoint;
    if (made->rank) memcpy(made->dims, type->dimensions, made->rank * sizeof *made->dims);
    return NO_ERROR;
}

static Operand *find(Model *model, int32_t index) {
    return index >= 0 && (uint32_t)index < model->n_operands ? &model->operands[index] : NULL;
}

static int check_length(const Operand *operand, size_t length) {
    if (operand->rank == 0 && !is_scalar(operand->type)) return BAD_DATA;
    if (operand->origin != COMPUTED) return BAD_STATE;
    return length == count_of(operand->rank, operand->dims) * size_of(operand->type) && length ? NO_ERROR : BAD_DATA;
}

int ANeuralNetworksModel_setOperandValue(Model *model, int32_t index, const void *buffer, size_t length) {
    USE(model, MODEL);
    if (model->finished) return BAD_STATE;
    Operand *operand = find(model, index);
    if (operand == NULL) return BAD_DATA;
    if (buffer == NULL) {
        if (length) return BAD_DATA;
        operand->origin = OMITTED;
        return NO_ERROR;
    }
    int fits = check_length(operand, length);
    if (fits) return fits;
    operand->origin = CONSTANT, operand->length = length, operand->value = buffer;
    if (length <= COPIED) operand->value = memcpy(operand->copy = malloc(length), buffer, length);
    operand->sum = checksum(operand->value, length);
    return NO_ERROR;
}

int ANeuralNetworksModel_setOperandValueFromMemory(Model *model, int32_t index, Memory *memory, size_t offset, size_t length) {
    USE(model, MODEL);
    USE(memory, MEMORY);
    if (model->finished) return BAD_STATE;
    Operand *operand = find(model, index);
    if (operand == NULL || offset + length < offset || offset + length > memory->size) return BAD_DATA;
    int fits = check_length(operand, length);
    if (fits) return fits;
    operand->origin = CONSTANT, operand->length = length, operand->value = memory->bytes + offset;
    operand->memory = memory, memory->base.users++;
    operand->sum = checksum(operand->value, length);
    return NO_ERROR;
}

#if LEVEL >= 29
int ANeuralNetworksModel_setOperandSymmPerChannelQuantParams(Model *model, int32_t index, const PerChannel *channels) {
    USE(model, MODEL);
    if (channels == NULL) return UNEXPECTED_NULL;
    if (model->finished) return BAD_STATE;
    Operand *operand = find(model, index);
    if (operand == NULL || operand->type != T_CHANNELS || operand->scales) return BAD_DATA;
    if (channels->channelDim >= operand->rank || operand->dims[channels->channelDim] != channels->scaleCount) return BAD_DATA;
    for (uint32_t k = 0; k < channels->scaleCount; k++)
        if (!(channels->scales[k] > 0)) return BAD_DATA;
    operand->channel = channels->channelDim, operand->channels = channels->scaleCount;
    operand->scales = memcpy(malloc(operand->channels * sizeof(float)), channels->scales, operand->channels * sizeof(float));
    return NO_ERROR;
}
#endif

static uint32_t *copied(const uint32_t *numbers, uint32_t count) {
    return memcpy(malloc((count ? count : 1) * sizeof *numbers), numbers, count * sizeof *numbers);
}

static bool within(const Model *model, const uint32_t *numbers, uint32_t count) {
    for (uint32_t k = 0; k < count; k++)
        if (numbers[k] >= model->n_operands) return false;
    return true;
}

int ANeuralNetworksModel_addOperation(Model *model, int32_t code, uint32_t n_in, const uint32_t *in, uint32_t n_out, const uint32_t *out) {
    USE(model, MODEL);
    if (in == NULL || out == NULL) return UNEXPECTED_NULL;
    if (model->finished) return BAD_STATE;
    if (!within(model, in, n_in) || !within(model, out, n_out)) return BAD_DATA;
    Operation made = {code, n_in, n_out, (uint32_t *)in, (uint32_t *)out};
    int valid = validate(model->operands, &made, LEVEL);
    if (valid) return valid;
    for (uint32_t k = 0; k < n_out; k++) {
        Operand *operand = &model->operands[out[k]];
        if (operand->origin != COMPUTED || operand->written) return BAD_DATA;
        operand->written = true;
    }
    model->operations = realloc(model->operations, (model->n_operations + 1) * sizeof made);
    made.in = copied(in, n_in), made.out = copied(out, n_out);
    model->operations[model->n_operations++] = made;
    return NO_ERROR;
}

int ANeuralNetworksModel_identifyInputsAndOutputs(Model *model, uint32_t n_in, const uint32_t *in, uint32_t n_out, const uint32_t *out) {
    USE(model, MODEL);
    if (in == NULL || out == NULL) return UNEXPECTED_NULL;
    if (model->finished || model->identified) return BAD_STATE;
    if (n_out == 0 || !within(model, in, n_in) || !within(model, out, n_out)) return BAD_DATA;
    for (uint32_t k = 0; k < n_in; k++) {
        Operand *operand = &model->operands[in[k]];
        if (operand->origin != COMPUTED || operand->written || is_scalar(operand->type)) return BAD_DATA;
        operand->origin = GIVEN;
    }
    for (uint32_t k = 0; k < n_out; k++) {
        Operand *operand = &model->operands[out[k]];
        if (operand->origin != COMPUTED || !operand->written || operand->is_output) return BAD_DATA;
        operand->is_output = true;
    }
    model->inputs = copied(in, n_in), model->n_inputs = n_in;
    model->outputs = copied(out, n_out), model->n_outputs = n_out;
    model->identified = true;
    return NO_ERROR;
}

#if LEVEL >= 28
int ANeuralNetworksModel_relaxComputationFloat32toFloat16(Model *model, bool allow) {
    USE(model, MODEL);
    if (model->finished) return BAD_STATE;
    model->relaxed = allow;
    return NO_ERROR;
}
#endif

int ANeuralNetworksModel_finish(Model *model) {
    USE(model, MODEL);
    if (model->finished || !model->identified) return BAD_STATE;
    bool *known = calloc(model->n_operands + 1, sizeof *known);
    int result = NO_ERROR;
    for (uint32_t k = 0; k < model->n_operands; k++) {
        const Operand *operand = &model->operands[k];
        known[k] = operand->origin != COMPUTED;
        if (operand->type == T_CHANNELS && !operand->scales) result = BAD_DATA;
        if (operand->origin == COMPUTED && !operand->written) result = BAD_DATA; /* it would never have a value */
    }
    for (uint32_t k = 0; k < model->n_operations; k++) { /* our programs are in order, so nothing is sorted here */
        const Operation *operation = &model->operations[k];
        for (uint32_t i = 0; i < operation->n_in; i++)
            if (!known[operation->in[i]]) result = BAD_DATA;
        for (uint32_t i = 0; i < operation->n_out; i++) known[operation->out[i]] = true;
    }
    free(known);
    model->finished = result == NO_ERROR;
    return result;
}
