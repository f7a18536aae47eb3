#include "common/frame_layout.h"

enum { FRAME_LAYOUT_PAGE_BYTES = 4096 };

static bool frame_layout_size_is_valid(uint32_t width_px, uint32_t height_px, uint32_t buffer_count)
{
    if (width_px == 0 || height_px == 0 || width_px > FRAME_EDGE_PX || height_px > FRAME_EDGE_PX)
        return false;
    if ((uint64_t)width_px * height_px > FRAME_AREA_PX)
        return false;
    return buffer_count >= 1 && buffer_count <= FRAME_BUFFERS;
}

bool frame_geometry_make(uint32_t width_px, uint32_t height_px, uint32_t buffer_count,
                         struct frame_geometry *ret_geometry)
{
    if (!frame_layout_size_is_valid(width_px, height_px, buffer_count))
        return false;
    *ret_geometry = (struct frame_geometry){
        .width_px = width_px,
        .height_px = height_px,
        .stride_bytes = (width_px * FRAME_BYTES_PER_PIXEL + 3) & ~3u,
        .buffer_count = buffer_count,
    };
    return true;
}

bool frame_geometry_is_valid(const struct frame_geometry *geometry)
{
    if (!frame_layout_size_is_valid(geometry->width_px, geometry->height_px, geometry->buffer_count))
        return false;
    if (geometry->stride_bytes % 4 != 0 || geometry->stride_bytes < geometry->width_px * FRAME_BYTES_PER_PIXEL)
        return false;
    /* A stride may pad, but a buffer never grows past 4 bytes a pixel of the largest area. */
    return (uint64_t)geometry->stride_bytes * geometry->height_px <= (uint64_t)FRAME_AREA_PX * 4;
}

size_t frame_buffer_bytes(const struct frame_geometry *geometry)
{
    size_t bytes = (size_t)geometry->stride_bytes * geometry->height_px;

    return (bytes + FRAME_LAYOUT_PAGE_BYTES - 1) & ~(size_t)(FRAME_LAYOUT_PAGE_BYTES - 1);
}

size_t frame_memory_bytes(const struct frame_geometry *geometry)
{
    return FRAME_DATA_OFFSET + frame_buffer_bytes(geometry) * geometry->buffer_count;
}

size_t frame_buffer_offset(const struct frame_geometry *geometry, uint32_t buffer)
{
    return FRAME_DATA_OFFSET + frame_buffer_bytes(geometry) * buffer;
}
