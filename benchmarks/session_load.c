/* Requests by several threads on one session of an export, as a server in C++ makes them.

   session_load EXPORT LIBRARIES INPUT TEXT SCORE THREADS < REQUESTS

   LIBRARIES: of tensorflow-text's operations, with commas between. INPUT, TEXT, SCORE: operation:index. REQUESTS: one a
   line, strings with TABs between. Each thread takes the next as soon as its last is answered. Prints for each request,
   in order, the seconds it took and its texts, with TABs between; exits with 1 and a message if TensorFlow complains. */

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "saved_session.h"

static char **requests;
static double *seconds;
static char **texts;
static int request_count;
static atomic_int following;
static TF_Session *session;
static TF_Output input, outputs[2];

static TF_Tensor *make_strings(char *line) {
  int64_t count = 1;
  for (char *place = line; *place; place++) count += *place == '\t';
  TF_Tensor *tensor = TF_AllocateTensor(TF_STRING, &count, 1, count * sizeof(TF_TString));
  TF_TString *strings = TF_TensorData(tensor);
  char *rest = line;
  for (int64_t number = 0; number < count; number++) {
    char *text = strsep(&rest, "\t");
    TF_StringInit(&strings[number]);
    TF_StringCopy(&strings[number], text, strlen(text));
  }
  return tensor;
}

static void free_strings(TF_Tensor *tensor) {
  TF_TString *strings = TF_TensorData(tensor);
  for (int64_t number = 0; number < TF_TensorElementCount(tensor); number++) TF_StringDealloc(&strings[number]);
  TF_DeleteTensor(tensor);
}

static char *join(TF_Tensor *tensor) {
  TF_TString *strings = TF_TensorData(tensor);
  int64_t count = TF_TensorElementCount(tensor);
  size_t size = 1;
  for (int64_t number = 0; number < count; number++) size += TF_StringGetSize(&strings[number]) + 1;
  char *joined = malloc(size), *end = joined;
  for (int64_t number = 0; number < count; number++) {
    *end++ = '\t';
    memcpy(end, TF_StringGetDataPointer(&strings[number]), TF_StringGetSize(&strings[number]));
    end += TF_StringGetSize(&strings[number]);
  }
  *end = 0;
  return joined;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

static void *work(void *unused) {
  TF_Status *status = TF_NewStatus();
  for (;;) {
    int number = atomic_fetch_add(&following, 1);
    if (number >= request_count) return NULL;
    double began = now();
    TF_Tensor *given = make_strings(requests[number]), *found[2];
    TF_SessionRun(session, NULL, &input, &given, 1, outputs, found, 2, NULL, 0, NULL, status);
    require(status, "run");
    texts[number] = join(found[0]);
    free_strings(given);
    free_strings(found[0]);
    TF_DeleteTensor(found[1]);
    seconds[number] = now() - began;
  }
}

int main(int count, char **arguments) {
  enum { MOST_THREADS = 256 };
  pthread_t threads[MOST_THREADS];
  if (count != 7) return 2;
  int thread_count = atoi(arguments[6]);
  if (thread_count < 1 || thread_count > MOST_THREADS) return 2;
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  while ((length = getline(&line, &room, stdin)) > 0) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    requests = realloc(requests, (request_count + 1) * sizeof(char *));
    requests[request_count++] = strdup(line);
  }
  seconds = calloc(request_count, sizeof(double));
  texts = calloc(request_count, sizeof(char *));
  TF_Graph *graph = TF_NewGraph();
  session = open_export(arguments[1], arguments[2], TF_NewSessionOptions(), graph);
  input = find(graph, arguments[3]);
  for (int place = 0; place < 2; place++) outputs[place] = find(graph, arguments[4 + place]);
  double began = now();
  for (int number = 0; number < thread_count; number++) pthread_create(&threads[number], NULL, work, NULL);
  for (int number = 0; number < thread_count; number++) pthread_join(threads[number], NULL);
  fprintf(stderr, "%.3f\n", now() - began);
  for (int number = 0; number < request_count; number++) printf("%.6f%s\n", seconds[number], texts[number]);
  return 0;
}
