// The floor that the engine is measured against: the C API in a loop, with the
// same options, on float32 models of one input and one output.
// cc -O2 -I ../ort loop.c -o loop -ldl
// loop LIBRARY MODEL BATCH ITERATIONS ROW_DIMENSION...
// prints: load_ns first_ns, then CPU nanoseconds a run.
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
#include "onnxruntime_c_api.h"

static const OrtApi *api;

static void check(OrtStatus *s) {
  if (!s) return;
  fprintf(stderr, "%s\n", api->GetErrorMessage(s));
  exit(1);
}

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  double start = now(CLOCK_MONOTONIC);
  void *library = dlopen(argv[1], RTLD_LAZY);
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
  const OrtApiBase *(*base)(void) = (const OrtApiBase *(*)(void))dlsym(library, "OrtGetApiBase");
  api = base()->GetApi(ORT_API_VERSION);
  OrtEnv *env;
  OrtSessionOptions *options;
  OrtSession *session;
  check(api->CreateEnv(4, "loop", &env));
  check(api->CreateSessionOptions(&options));
  check(api->SetIntraOpNumThreads(options, 1));
  check(api->SetInterOpNumThreads(options, 1));
  check(api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"));
  check(api->CreateSession(env, argv[2], options, &session));
  double loaded = now(CLOCK_MONOTONIC);

  int64_t batch = atoll(argv[3]), shape[8] = {batch}, n = batch;
  long iterations = atol(argv[4]);
  size_t rank = argc - 4;
  for (int i = 5; i < argc; i++) n *= shape[i - 4] = atoll(argv[i]);
  float *in = calloc(n, sizeof *in);
  OrtAllocator *allocator;
  OrtMemoryInfo *memory;
  char *in_name, *out_name;
  check(api->GetAllocatorWithDefaultOptions(&allocator));
  check(api->SessionGetInputName(session, 0, allocator, &in_name));
  check(api->SessionGetOutputName(session, 0, allocator, &out_name));
  check(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
  OrtValue *x, *y = NULL;
  check(api->CreateTensorWithDataAsOrtValue(memory, in, n * sizeof *in, shape, rank, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &x));
  const char *ins[] = {in_name}, *outs[] = {out_name};
  check(api->Run(session, NULL, ins, (const OrtValue *const *)&x, 1, outs, 1, &y));
  double first = now(CLOCK_MONOTONIC);
  for (int i = 0; i < 20; i++) check(api->Run(session, NULL, ins, (const OrtValue *const *)&x, 1, outs, 1, &y));
  double before = now(CLOCK_PROCESS_CPUTIME_ID);
  for (long i = 0; i < iterations; i++) check(api->Run(session, NULL, ins, (const OrtValue *const *)&x, 1, outs, 1, &y));
  printf("%.0f %.0f %.0f\n", loaded - start, first - loaded, iterations ? (now(CLOCK_PROCESS_CPUTIME_ID) - before) / iterations : 0);
  return 0;
}
