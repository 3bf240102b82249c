// Starts every part of the page.

import { onTokenNeeded } from "./api.js";
import { startAsk } from "./ask.js";
import { startCompare } from "./compare.js";
import { startCopy } from "./copy.js";
import { byId, tell } from "./dom.js";
import { startGrid } from "./grid.js";
import { startHistory } from "./history.js";
import { startImage } from "./image.js";
import { startMetrics } from "./metrics.js";
import { startModels } from "./models.js";
import { startTheme } from "./theme.js";
import { askForToken } from "./token.js";

onTokenNeeded(askForToken);
for (const start of [
  startTheme, startImage, startGrid, startAsk, startCompare, startCopy, startHistory, startMetrics,
]) start();
startModels().catch((error) => tell(byId("picture-error"), error));
