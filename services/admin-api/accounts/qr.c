/* libqrencode's matrix as one SVG path. It holds nothing of the text it is given. */
#include "services/admin-api/accounts/qr.h"

#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>

#define QUIET_ZONE 4 /* modules around the code (ISO/IEC 18004) */

/* Runs of dark modules, row by row. */
static void write_row(FILE *out, const QRcode *code, int y)
{
    const unsigned char *row = code->data + (size_t)y * (size_t)code->width;

    for (int x = 0; x < code->width;) {
        int start = x;
        while (x < code->width && (row[x] & 1) != 0)
            ++x;
        if (x > start)
            fprintf(out, "M%d %dh%dv1h-%dz", start + QUIET_ZONE, y + QUIET_ZONE, x - start, x - start);
        x += x == start;
    }
}

char *qr_svg(const char *text)
{
    char *svg = NULL;
    size_t size;
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    FILE *out = code == NULL ? NULL : open_memstream(&svg, &size);

    if (out != NULL) {
        int side = code->width + 2 * QUIET_ZONE;
        fprintf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
                "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"",
                side, side, side, side);
        for (int y = 0; y < code->width; ++y)
            write_row(out, code, y);
        fputs("\"/></svg>", out);
        if (fclose(out) != 0) {
            free(svg);
            svg = NULL;
        }
    }
    QRcode_free(code);
    return svg;
}
