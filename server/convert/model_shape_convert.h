#ifndef MOEPLAN_SERVER_CONVERT_MODEL_SHAPE_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_MODEL_SHAPE_CONVERT_H_

#include <optional>

#include "core/arch/model_shape.h"
#include "core/base/field_path.h"
#include "core/base/violations.h"
#include "moeplan/v1/model_shape.pb.h"

namespace moeplan::server {

// Nothing is returned when there are violations.
std::optional<ModelShape> ModelShapeFromWire(const FieldPath& field,
                                             const v1::ModelShape& wire,
                                             Violations& violations);

// The shape as a message that ModelShapeFromWire reads back as the same one;
// without a label.
void ModelShapeToWire(const ModelShape& shape, v1::ModelShape* wire);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_MODEL_SHAPE_CONVERT_H_
