#include "worker/report/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace moeplan::worker {
namespace {

constexpr double kWidth = 1040;
constexpr double kHeight = 560;
constexpr double kLeft = 90;
constexpr double kRight = 700;
constexpr double kTop = 60;
constexpr double kBottom = 490;
constexpr double kLegendLeft = 725;
constexpr double kLegendStep = 26;
constexpr int kLinearTicks = 5;

// Okabe and Ito's colours, which people who confuse red and green tell apart.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#56b4e9", "#e69f00", "#000000", "#8c6d00"};
constexpr size_t kColourCount = std::size(kColours);

std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string Text(double x, double y, const char* anchor,
                 const std::string& text, const std::string& more = "") {
  return absl::StrFormat(
      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y,
      anchor, more, Escape(text));
}

std::string Line(double x1, double y1, double x2, double y2,
                 const char* colour) {
  return absl::StrFormat(
      "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
      x1, y1, x2, y2, colour);
}

// Where a value lies between the ends of its range, 0 to 1.
double Share(bool logarithmic, double value, double least, double most) {
  return logarithmic ? std::log(value / least) / std::log(most / least)
                     : (value - least) / (most - least);
}

double XOf(double share) { return kLeft + share * (kRight - kLeft); }
double YOf(double share) { return kBottom - share * (kBottom - kTop); }

std::string TickText(double value) {
  if (value != 0 && (value >= 1e4 || value < 1e-2)) {
    return absl::StrFormat("%.0e", value);
  }
  return absl::StrFormat("%g", value);
}

std::vector<double> Ticks(bool logarithmic, double least, double most) {
  std::vector<double> ticks;
  if (logarithmic) {
    double tick = least;
    while (tick <= most * 1.001) {
      ticks.push_back(tick);
      tick *= 10;
    }
    return ticks;
  }
  for (int i = 0; i <= kLinearTicks; ++i) {
    ticks.push_back(least + (most - least) * i / kLinearTicks);
  }
  return ticks;
}

// Marks differ in shape as well, for prints without colour and where colours
// come round again.
size_t MarkOf(size_t index) { return (index + index / kColourCount) % 4; }

std::string Mark(size_t index, double x, double y, const std::string& name) {
  const char* colour = kColours[index % kColourCount];
  std::string shape;
  switch (MarkOf(index)) {
    case 0:
      shape = absl::StrFormat("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"", x, y);
      break;
    case 1:
      shape = absl::StrFormat(
          "<rect x=\"%.1f\" y=\"%.1f\" width=\"7\" height=\"7\"", x - 3.5,
          y - 3.5);
      break;
    case 2:
      shape =
          absl::StrFormat("<path d=\"M%.1f %.1f l5 8.5 h-10 z\"", x, y - 5.5);
      break;
    default:
      shape = absl::StrFormat("<path d=\"M%.1f %.1f l5 5 l-5 5 l-5 -5 z\"", x,
                              y - 5);
  }
  return absl::StrCat(shape, " fill=\"", colour, "\" fill-opacity=\"0.75\">",
                      name.empty() ? "" : "<title>", Escape(name),
                      name.empty() ? "" : "</title>",
                      MarkOf(index) == 0   ? "</circle>\n"
                      : MarkOf(index) == 1 ? "</rect>\n"
                                           : "</path>\n");
}

}  // namespace

void SvgPlot::AddPoints(std::string name, std::vector<PlotPoint> points) {
  Add({std::move(name), std::move(points), false});
}

void SvgPlot::AddLine(std::string name, std::vector<PlotPoint> points) {
  Add({std::move(name), std::move(points), true});
}

void SvgPlot::Add(Series series) {
  std::erase_if(series.points, [this](const PlotPoint& point) {
    return !std::isfinite(point.x) || !std::isfinite(point.y) ||
           (x_.logarithmic && point.x <= 0) || (y_.logarithmic && point.y <= 0);
  });
  if (!series.points.empty()) series_.push_back(std::move(series));
}

SvgPlot::Range SvgPlot::RangeOf(const Axis& axis,
                                double PlotPoint::*value) const {
  Range range = {std::numeric_limits<double>::infinity(), 0};
  for (const Series& series : series_) {
    for (const PlotPoint& point : series.points) {
      range.least = std::min(range.least, point.*value);
      range.most = std::max(range.most, point.*value);
    }
  }
  if (axis.logarithmic) {
    range.least = std::pow(10, std::floor(std::log10(range.least) + 1e-9));
    range.most = std::pow(10, std::ceil(std::log10(range.most) - 1e-9));
    if (range.most <= range.least) range.most = 10 * range.least;
    return range;
  }
  // The next round number.
  range.least = 0;
  const double power = std::pow(10, std::floor(std::log10(range.most)));
  for (const double step : {1.0, 1.5, 2.0, 3.0, 5.0, 10.0}) {
    // Rounding must not open the next step.
    if (step * power < range.most * (1 - 1e-9)) continue;
    range.most = step * power;
    break;
  }
  return range;
}

std::string SvgPlot::DrawAxes(const Range& x, const Range& y) const {
  std::string svg;
  for (const double tick : Ticks(x_.logarithmic, x.least, x.most)) {
    const double at = XOf(Share(x_.logarithmic, tick, x.least, x.most));
    absl::StrAppend(&svg, Line(at, kTop, at, kBottom, "#dddddd"),
                    Text(at, kBottom + 20, "middle", TickText(tick)));
  }
  for (const double tick : Ticks(y_.logarithmic, y.least, y.most)) {
    const double at = YOf(Share(y_.logarithmic, tick, y.least, y.most));
    absl::StrAppend(&svg, Line(kLeft, at, kRight, at, "#dddddd"),
                    Text(kLeft - 8, at + 5, "end", TickText(tick)));
  }
  const double middle = 0.5 * (kTop + kBottom);
  absl::StrAppend(
      &svg, Line(kLeft, kBottom, kRight, kBottom, "#333333"),
      Line(kLeft, kTop, kLeft, kBottom, "#333333"),
      Text(0.5 * (kLeft + kRight), kBottom + 48, "middle", x_.title),
      Text(24, middle, "middle", y_.title,
           absl::StrFormat(" transform=\"rotate(-90 24 %.1f)\"", middle)));
  return svg;
}

std::string SvgPlot::DrawSeries(const Range& x, const Range& y) const {
  std::string svg;
  for (size_t i = 0; i < series_.size(); ++i) {
    std::string path;
    for (const PlotPoint& point : series_[i].points) {
      const double at_x = XOf(Share(x_.logarithmic, point.x, x.least, x.most));
      const double at_y = YOf(Share(y_.logarithmic, point.y, y.least, y.most));
      if (series_[i].is_line) {
        absl::StrAppendFormat(&path, "%s%.1f %.1f", path.empty() ? "M" : " L",
                              at_x, at_y);
      } else {
        absl::StrAppend(&svg, Mark(i, at_x, at_y, point.name));
      }
    }
    if (series_[i].is_line) {
      absl::StrAppendFormat(&svg,
                            "<path d=\"%s\" fill=\"none\" stroke=\"%s\" "
                            "stroke-width=\"2\"/>\n",
                            path, kColours[i % kColourCount]);
    }
  }
  return svg;
}

std::string SvgPlot::DrawLegend() const {
  std::string svg;
  for (size_t i = 0; i < series_.size(); ++i) {
    const double y = kTop + 10 + kLegendStep * static_cast<double>(i);
    if (series_[i].is_line) {
      absl::StrAppendFormat(
          &svg,
          "<path d=\"M%.1f %.1f h20\" stroke=\"%s\" stroke-width=\"2\"/>\n",
          kLegendLeft, y, kColours[i % kColourCount]);
    } else {
      absl::StrAppend(&svg, Mark(i, kLegendLeft + 10, y, ""));
    }
    absl::StrAppend(&svg,
                    Text(kLegendLeft + 30, y + 5, "start", series_[i].name));
  }
  return svg;
}

std::string SvgPlot::Draw() const {
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
      "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" "
      "font-size=\"14\">\n<rect width=\"100%%\" height=\"100%%\" "
      "fill=\"white\"/>\n",
      kWidth, kHeight, kWidth, kHeight);
  absl::StrAppend(&svg, Text(kLeft, 32, "start", title_, " font-size=\"17\""));
  if (series_.empty()) {
    absl::StrAppend(&svg, Text(0.5 * kWidth, 0.5 * kHeight, "middle",
                               "nothing was measured"));
  } else {
    const Range x = RangeOf(x_, &PlotPoint::x);
    const Range y = RangeOf(y_, &PlotPoint::y);
    absl::StrAppend(&svg, DrawAxes(x, y), DrawSeries(x, y), DrawLegend());
  }
  return svg + "</svg>\n";
}

}  // namespace moeplan::worker
