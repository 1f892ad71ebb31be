#ifndef MOEPLAN_WORKER_REPORT_SVG_PLOT_H_
#define MOEPLAN_WORKER_REPORT_SVG_PLOT_H_

#include <string>
#include <utility>
#include <vector>

namespace moeplan::worker {

struct PlotPoint {
  double x = 0;
  double y = 0;
  std::string name;  // shown where a pointer rests on it
};

// A picture of points and lines over two axes, as SVG text without scripts or
// fonts of its own. Axes cover whole decades (logarithmic) or start at zero;
// the legend stands to the right of the plot, so that it covers nothing.
class SvgPlot {
 public:
  struct Axis {
    std::string title;  // with its unit
    bool logarithmic = true;
  };

  SvgPlot(std::string title, Axis x, Axis y)
      : title_(std::move(title)), x_(std::move(x)), y_(std::move(y)) {}

  // Points that an axis cannot show (not above zero on a logarithmic one) are
  // left out. Up to eight series tell apart by colour and mark.
  void AddPoints(std::string name, std::vector<PlotPoint> points);
  void AddLine(std::string name, std::vector<PlotPoint> points);

  // Deterministic. An empty plot says that there is nothing to show.
  std::string Draw() const;

 private:
  struct Series {
    std::string name;
    std::vector<PlotPoint> points;
    bool is_line = false;
  };
  struct Range {
    double least = 0;
    double most = 1;
  };

  void Add(Series series);
  Range RangeOf(const Axis& axis, double PlotPoint::*value) const;
  std::string DrawAxes(const Range& x, const Range& y) const;
  std::string DrawSeries(const Range& x, const Range& y) const;
  std::string DrawLegend() const;

  const std::string title_;
  const Axis x_, y_;
  std::vector<Series> series_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_REPORT_SVG_PLOT_H_
