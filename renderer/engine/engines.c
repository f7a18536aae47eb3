#include "renderer/engine/engine.h"
#include "renderer/engine/engine_mupdf.h"
#include "renderer/engine/engine_scene.h"

/* Scenes first: they tell by the url alone and leave everything else to MuPDF. */
const struct engine *const engines[] = {&engine_scene, &engine_mupdf, NULL};
