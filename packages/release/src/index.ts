// What is released: the container image of the node, and the chart.
export { buildNodeImage } from './node-image.ts';
export { ociLayout } from './oci-layout.ts';
