using PageTableEmu.Mm;

namespace PageTableEmu.Reclaim.Ksm;

/// <summary>Looks at the places where a KSM frame may be mapped; see <see cref="KsmReverseMap{TArch, TModel}"/>.</summary>
internal interface IKsmPlaceVisitor
{
    /// <summary>Looks at one place; false ends the walk.</summary>
    bool Visit(ReverseMapPlace place);
}
