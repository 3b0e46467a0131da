/* A text as a QR code for the panel. Any thread. */
#ifndef LC_ADMIN_ACCOUNTS_QR_H
#define LC_ADMIN_ACCOUNTS_QR_H

/* SVG (one path of squares, black on white, no style, so a strict policy shows it): malloc'ed; NULL: memory, or too
 * long for a code. */
char *qr_svg(const char *text) __attribute__((warn_unused_result));

#endif
