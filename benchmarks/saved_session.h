/* An export opened through TensorFlow's C interface; whatever TensorFlow complains of ends the program with 1. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

static void require(TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) {
    fprintf(stderr, "%s: %s\n", what, TF_Message(status));
    exit(1);
  }
}

/* NAME: operation:index. */
static TF_Output find(TF_Graph *graph, char *name) {
  char *colon = strchr(name, ':');
  *colon = 0;
  TF_Output output = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (!output.oper) {
    fprintf(stderr, "no operation %s\n", name);
    exit(1);
  }
  return output;
}

/* LIBRARIES: of tensorflow-text's operations, with commas between. */
static TF_Session *open_export(char *path, char *libraries, TF_SessionOptions *options, TF_Graph *graph) {
  const char *tags[] = {"serve"};
  TF_Status *status = TF_NewStatus();
  for (char *library = strtok(libraries, ","); library; library = strtok(NULL, ",")) {
    TF_LoadLibrary(library, status);
    require(status, library);
  }
  TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, path, tags, 1, graph, NULL, status);
  require(status, path);
  TF_DeleteStatus(status);
  return session;
}
