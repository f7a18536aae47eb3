/* engine_scene.h - the engine for about: pages: native scenes, painted without MuPDF, without files and without
 * libraries.
 *
 * Opens urls beginning "about:". Keeps a few kilobytes for each document, allocated when it is opened; needs no system
 * call while it paints. Maps the end of the shared buffer that a page was given, for as long as it is open. A scene
 * fills the whole canvas: scale and rotation are ignored, scroll is for scenes of text.
 */
#ifndef BULKHEAD_ENGINE_SCENE_H
#define BULKHEAD_ENGINE_SCENE_H

#include "renderer/engine/engine.h"

extern const struct engine engine_scene;

#endif
