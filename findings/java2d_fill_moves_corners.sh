#!/usr/bin/env bash
# Java's Graphics2D.fill moves the corners of polygons before it fills them: masks are a pixel off.
#
# Expected: a pixel belongs to a polygon whose inside its middle lies in, wherever the corners are: a
#   square from 1.6 to 4.4 has the 2 x 2 pixels whose middles are 2.5 and 3.5.
# Seen: it has 3 x 3 pixels, 2 to 4, to the right of and below where it lies. An object of one
#   pixel, outlined halfway to its neighbours, has none. Corners that are whole numbers stay. With
#   KEY_STROKE_CONTROL set to VALUE_STROKE_PURE all is as expected; by default, "normalisation" is
#   done for fills as well, though the hint is named, and documented, for strokes.
# Versions: OpenJDK 17.0.15; seen on 2026-11-30, Linux. QuPath (its source, class BufferedImageTools)
#   makes masks of ROIs by such a fill, with no hint set.
# Known: as a jump of half a pixel between pictures with antialiasing and without it (issue 138 of
#   cutelyaware/magiccube4d); no issue about masks was found.
# Matters: outlines between the edges of pixels, as of contours at half height, give masks that differ
#   from the labels by whole pixels at their borders: an IoU as low as .7 for objects of 30 pixels.
#   Write corners on the edges of pixels, or set the hint where masks are filled.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/Fill.java" <<'JAVA'
import java.awt.*;
import java.awt.geom.*;
import java.awt.image.*;
import java.util.*;

public class Fill {
    static final int EDGE = 6;

    /** Returns the pixels, x and y, of a polygon with these corners, x and y one after another. */
    static java.util.List<String> filled(boolean pure, double... corners) {
        Path2D path = new Path2D.Double();
        path.moveTo(corners[0], corners[1]);
        for (int i = 2; i < corners.length; i += 2) path.lineTo(corners[i], corners[i + 1]);
        path.closePath();
        BufferedImage mask = new BufferedImage(EDGE, EDGE, BufferedImage.TYPE_BYTE_GRAY);
        Graphics2D graphics = mask.createGraphics();
        if (pure)
            graphics.setRenderingHint(
                RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        graphics.setColor(Color.WHITE);
        graphics.fill(path);
        java.util.List<String> pixels = new ArrayList<>();
        for (int y = 0; y < EDGE; y++)
            for (int x = 0; x < EDGE; x++)
                if (mask.getRaster().getSample(x, y, 0) > 0) pixels.add(x + "," + y);
        return pixels;
    }

    public static void main(String[] arguments) {
        System.out.println("Java " + System.getProperty("java.version"));
        double[] square = {1.6, 1.6, 4.4, 1.6, 4.4, 4.4, 1.6, 4.4};
        double[] pixel = {1, 1.5, 1.5, 1, 2, 1.5, 1.5, 2};
        double[] edges = {1, 1, 5, 1, 5, 5, 1, 5};
        System.out.println("square from 1.6 to 4.4: " + filled(false, square));
        System.out.println("with STROKE_PURE: " + filled(true, square));
        System.out.println("outline around pixel 1,1: " + filled(false, pixel));
        System.out.println("with STROKE_PURE: " + filled(true, pixel));
        boolean right =
            filled(true, square).equals(Arrays.asList("2,2", "3,2", "2,3", "3,3"))
                && filled(true, pixel).equals(Arrays.asList("1,1"))
                && filled(false, edges).size() == 16;
        boolean moved = filled(false, square).size() == 9 && filled(false, pixel).isEmpty();
        if (!right || !moved) {
            System.out.println("changed: the default fill is no longer a pixel off");
            System.exit(1);
        }
    }
}
JAVA
java -Djava.awt.headless=true "$folder/Fill.java"
